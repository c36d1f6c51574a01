#include "server/erasure/key_ring.h"

#include <algorithm>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::erasure {
namespace {

constexpr std::chrono::milliseconds kStatementTimeout{10'000};
constexpr int kAttempts = 3;

absl::Status OtherMaster(const std::string& known, const std::string& given) {
  return domain::ErrorOf(
      domain::Reason::kStoreIncompatible,
      fmt::format(
          "the fields of this store are encrypted with another master key (fingerprint {}) than the one of "
          "erasure_master_key_file (fingerprint {}). Start the server with that key: with this one nothing that "
          "is encrypted could be read",
          known, given));
}

absl::Status Connected(storage::Session& session) {
  if (absl::Status connected = session.EnsureConnected(); !connected.ok()) return connected;
  return session.SetStatementTimeout(kStatementTimeout);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Start(const std::string& conninfo, MasterKey master,
                                                        const domain::Clock& clock, domain::IdMaker& ids) {
  std::unique_ptr<KeyRing> ring(new KeyRing(conninfo, std::move(master), clock, ids));
  const std::string given = ring->master_.Fingerprint();
  auto known = ring->OnSession([&] { return storage::RecordMasterKey(ring->session_, given); });
  if (!known.ok()) return known.status();
  if (*known != given) return OtherMaster(*known, given);
  if (absl::Status asked = ring->Ask(); !asked.ok()) return asked;
  ring->thread_ = std::thread([one = ring.get()] { one->Run(); });
  return ring;
}

KeyRing::KeyRing(const std::string& conninfo, MasterKey master, const domain::Clock& clock, domain::IdMaker& ids)
    : master_(std::move(master)),
      clock_(clock),
      ids_(ids),
      session_(conninfo, "erasure keys"),
      asking_(conninfo, "erasure"),
      trusted_until_(clock.Monotonic()) {}

KeyRing::~KeyRing() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Once more on a new connection when the old one had died: reading does not mind, and neither does making keys.
template <typename F>
auto KeyRing::OnSession(F&& run) -> decltype(run()) {
  const std::scoped_lock lock(session_mutex_);
  const auto once = [&]() -> decltype(run()) {
    if (absl::Status connected = Connected(session_); !connected.ok()) return connected;
    return storage::Caught(run);
  };
  auto result = once();
  if (!result.ok() && storage::IsConnectionLost(result.status())) result = once();
  return result;
}

std::uint64_t KeyRing::Epoch() {
  const std::scoped_lock lock(mutex_);
  return epoch_;
}

void KeyRing::ForgetAll() {
  ++epoch_;
  subjects_.clear();
  keys_.clear();
}

KeyRing::Known KeyRing::KnownFrom(const storage::StoredKey& stored) const {
  if (stored.wrapped.empty() || !stored.key_id) return {true, nullptr};
  const auto secret = master_.Unwrap(stored.wrapped, *stored.key_id, stored.subject);
  if (!secret) {
    spdlog::error(
        "erasure: key {} cannot be unwrapped with this master key: its row was changed, or is another store's",
        stored.key_id->ToString());
    return {};
  }
  return {true, std::make_shared<const SubjectKey>(*stored.key_id, *secret)};
}

void KeyRing::Remember(std::uint64_t epoch, const std::string& subject, const domain::Uuid& id, const Known& known) {
  const std::scoped_lock lock(mutex_);
  if (epoch != epoch_) return;
  if (keys_.size() >= kMaxRemembered) {
    subjects_.clear();
    keys_.clear();
  }
  keys_[id] = known;
  if (!subject.empty()) subjects_[subject] = id;
}

absl::StatusOr<std::map<std::string, KeyPtr>> KeyRing::Of(const std::vector<std::string>& subjects) {
  std::map<std::string, KeyPtr> found;
  std::set<std::string> unknown(subjects.begin(), subjects.end());
  {
    const std::scoped_lock lock(mutex_);
    for (auto subject = unknown.begin(); Trusted() && subject != unknown.end();) {
      const auto id = subjects_.find(*subject);
      const auto known = id == subjects_.end() ? keys_.end() : keys_.find(id->second);
      if (known == keys_.end()) {
        ++subject;
        continue;
      }
      found[*subject] = known->second.key;
      subject = unknown.erase(subject);
    }
  }
  const std::uint64_t epoch = Epoch();
  // Twice: before the keys that lack are made, and after.
  for (const bool made : {false, true}) {
    if (unknown.empty()) break;
    auto stored = OnSession([&] { return storage::FindKeys(session_, {unknown.begin(), unknown.end()}); });
    if (!stored.ok()) return stored.status();
    for (const storage::StoredKey& one : *stored) {
      const Known known = KnownFrom(one);
      if (!known.exists) {
        return domain::ErrorOf(domain::Reason::kInternal,
                               "the key of a subject cannot be unwrapped with this master key; see the server's log");
      }
      unknown.erase(one.subject);
      found[one.subject] = known.key;
      if (one.key_id) Remember(epoch, one.subject, *one.key_id, known);
    }
    if (unknown.empty() || made) break;
    std::vector<storage::StoredKey> lacking;
    for (const auto& subject : unknown) {
      const auto secret = SecretKey::Make();
      if (!secret) return domain::ErrorOf(domain::Reason::kInternal, "the system has no random numbers for a key");
      const domain::Uuid id = ids_.Make();
      lacking.push_back({subject, id, master_.Wrap(*secret, id, subject)});
    }
    absl::StatusOr<bool> added = OnSession([&]() -> absl::StatusOr<bool> {
      if (absl::Status status = storage::AddKeys(session_, lacking); !status.ok()) return status;
      return true;
    });
    if (!added.ok()) return added.status();
  }
  if (!unknown.empty()) return domain::ErrorOf(domain::Reason::kInternal, "a key that was made is not there");
  return found;
}

absl::StatusOr<std::unordered_map<domain::Uuid, KeyPtr, domain::UuidHash>> KeyRing::ById(
    const std::vector<domain::Uuid>& ids) {
  std::unordered_map<domain::Uuid, KeyPtr, domain::UuidHash> found;
  std::set<domain::Uuid> unknown(ids.begin(), ids.end());
  {
    const std::scoped_lock lock(mutex_);
    for (auto id = unknown.begin(); Trusted() && id != unknown.end();) {
      const auto known = keys_.find(*id);
      if (known == keys_.end()) {
        ++id;
        continue;
      }
      if (known->second.exists) found[*id] = known->second.key;
      id = unknown.erase(id);
    }
  }
  if (unknown.empty()) return found;
  std::uint64_t epoch = 0;
  absl::StatusOr<std::vector<storage::StoredKey>> stored;
  // What was read may be as old as the question.
  bool fresh = false;
  for (int attempt = 0; attempt < kAttempts && !fresh; ++attempt) {
    const auto began = clock_.Monotonic();
    epoch = Epoch();
    stored = OnSession([&] { return storage::FindKeysById(session_, {unknown.begin(), unknown.end()}); });
    if (!stored.ok()) return stored.status();
    fresh = clock_.Monotonic() - began < kTrust;
  }
  if (!fresh) {
    return domain::ErrorOf(domain::Reason::kDatabaseUnavailable,
                           "the database takes too long to say which keys are destroyed; try again");
  }
  for (const storage::StoredKey& one : *stored) {
    const Known known = KnownFrom(one);
    if (known.exists) found[*one.key_id] = known.key;
    Remember(epoch, one.subject, *one.key_id, known);
    unknown.erase(*one.key_id);
  }
  for (const domain::Uuid& id : unknown) Remember(epoch, "", id, {});
  return found;
}

absl::StatusOr<domain::erasure::EraseOutcome> KeyRing::Erase(storage::Session& session,
                                                             const domain::erasure::EraseRequest& request) {
  auto outcome = storage::EraseSubject(session, request);
  if (request.dry_run) return outcome;
  const std::scoped_lock lock(mutex_);
  // Also when it failed: nobody knows whether a commit whose answer was lost was done.
  ++epoch_;
  if (const auto id = subjects_.find(request.subject); id != subjects_.end()) {
    keys_.erase(id->second);
    subjects_.erase(id);
  }
  if (outcome.ok() && outcome->erasure && outcome->erasure->key_id) keys_.erase(*outcome->erasure->key_id);
  return outcome;
}

void KeyRing::WhenGone(std::function<void()> done) {
  const std::scoped_lock lock(mutex_);
  waiting_.emplace(clock_.Monotonic() + kTrust, std::move(done));
}

absl::Status KeyRing::Ask() {
  const auto began = clock_.Monotonic();
  if (absl::Status connected = Connected(asking_); !connected.ok()) return connected;
  auto since = storage::Caught([&] { return storage::ReadErasuresSince(asking_, seen_); });
  if (!since.ok()) return since.status();
  const std::scoped_lock lock(mutex_);
  // On another connection it may be another database, or this one restored.
  if (asked_on_ != asking_.generation() || since->last < seen_) {
    ForgetAll();
  } else if (since->last > seen_) {
    ++epoch_;
    for (const domain::Uuid& id : since->key_ids) keys_.erase(id);
  }
  asked_on_ = asking_.generation();
  seen_ = since->last;
  trusted_until_ = began + kTrust;
  return absl::OkStatus();
}

void KeyRing::Run() {
  auto next = clock_.Monotonic() + kPause;
  for (;;) {
    std::vector<std::function<void()>> gone;
    {
      std::unique_lock lock(mutex_);
      const auto until = waiting_.empty() ? next : std::min(next, waiting_.begin()->first);
      const auto left = std::max<std::chrono::nanoseconds>(until - clock_.Monotonic(), std::chrono::milliseconds{1});
      wake_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, kPause), [&] { return stopping_; });
      if (stopping_) return;
      const auto now = clock_.Monotonic();
      while (!waiting_.empty() && waiting_.begin()->first <= now) {
        gone.push_back(std::move(waiting_.begin()->second));
        waiting_.erase(waiting_.begin());
      }
    }
    for (const auto& done : gone) done();
    if (clock_.Monotonic() < next) continue;
    const absl::Status asked = Ask();
    if (!asked.ok() && !warned_) {
      spdlog::warn("erasure: it cannot be asked which subjects were erased, so keys are asked for one by one: {}",
                   std::string(asked.message()));
    }
    warned_ = !asked.ok();
    next = clock_.Monotonic() + kPause;
  }
}

}  // namespace eventstore::erasure
