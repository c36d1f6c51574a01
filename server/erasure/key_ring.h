// The keys of subjects: read from the database, made there when they are needed first, and remembered for as long as it is
// known that they were not destroyed.
//
// Once a second it is asked which keys were destroyed, by whatever server; these are forgotten. What is remembered counts for
// three seconds after the beginning of the last such question that was answered (kTrust); after that it is asked for anew, so
// a server that cannot ask opens nothing. So kTrust after an erasure was committed nobody uses that key.
//
// Thread-safe. `mutex_` guards what is remembered and is a leaf; `session_mutex_` is held while the database is asked.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/erasure/erasure.h"
#include "server/erasure/cipher.h"
#include "server/storage/session.h"
#include "server/storage/subject_keys.h"

namespace eventstore::erasure {

using KeyPtr = std::shared_ptr<const SubjectKey>;

class KeyRing {
 public:
  static constexpr std::chrono::milliseconds kPause{1'000};
  static constexpr std::chrono::milliseconds kTrust{3'000};
  // Forgotten all at once when there are more.
  static constexpr std::size_t kMaxRemembered = 50'000;

  // STORE_INCOMPATIBLE: the store was given another master key.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Start(const std::string& conninfo, MasterKey master,
                                                        const domain::Clock& clock, domain::IdMaker& ids);
  ~KeyRing();

  // Null: the subject was erased. Keys that there are none of are made.
  absl::StatusOr<std::map<std::string, KeyPtr>> Of(const std::vector<std::string>& subjects);
  // Null: destroyed. Absent: nobody knows it.
  absl::StatusOr<std::unordered_map<domain::Uuid, KeyPtr, domain::UuidHash>> ById(const std::vector<domain::Uuid>& ids);

  // On a connection of the caller's. This server forgets the key at once.
  absl::StatusOr<domain::erasure::EraseOutcome> Erase(storage::Session& session,
                                                      const domain::erasure::EraseRequest& request);
  // Calls `done`, on a thread of its own, when what is destroyed now is used by nobody.
  void WhenGone(std::function<void()> done);

 private:
  struct Known {
    bool exists = false;
    KeyPtr key;  // null: destroyed
  };

  KeyRing(const std::string& conninfo, MasterKey master, const domain::Clock& clock, domain::IdMaker& ids);

  absl::Status Ask();  // what was erased
  void Run();
  void ForgetAll();  // holding mutex_
  bool Trusted() const { return clock_.Monotonic() < trusted_until_; }
  Known KnownFrom(const storage::StoredKey& stored) const;
  void Remember(std::uint64_t epoch, const std::string& subject, const domain::Uuid& id, const Known& known);
  std::uint64_t Epoch();
  template <typename F>
  auto OnSession(F&& run) -> decltype(run());

  const MasterKey master_;
  const domain::Clock& clock_;
  domain::IdMaker& ids_;

  std::mutex session_mutex_;
  storage::Session session_;
  storage::Session asking_;  // of the thread alone

  std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<std::string, domain::Uuid> subjects_;
  std::unordered_map<domain::Uuid, Known, domain::UuidHash> keys_;
  // Changes when anything is forgotten: what was read before is not remembered then.
  std::uint64_t epoch_ = 0;
  domain::MonotonicTime trusted_until_;
  std::int64_t seen_ = 0;  // erasures
  std::uint64_t asked_on_ = 0;
  std::multimap<domain::MonotonicTime, std::function<void()>> waiting_;
  bool stopping_ = false;
  bool warned_ = false;
  std::thread thread_;
};

}  // namespace eventstore::erasure
