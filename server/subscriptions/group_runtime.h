// One group at work in this process: its consumers, its dispatcher, and what feeds it.
//
// Threads: gRPC brings consumers and answers, the tail and the reading pool bring events, the coordinator's threads bring
// time and turns. `mutex_` guards everything that changes. It comes before Tail::mutex_; consumers and the reading pool
// are called without it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/clock.h"
#include "server/domain/consumer_group.h"
#include "server/storage/group_turns.h"
#include "server/storage/read_executor.h"
#include "server/subscriptions/group_dispatcher.h"
#include "server/subscriptions/group_feed.h"
#include "server/subscriptions/tail.h"

namespace eventstore::subscriptions {

// A consumer as the group sees it.
class ConsumerPort {
 public:
  virtual ~ConsumerPort() = default;
  // There is something to take. Any thread; must not block.
  virtual void OnWork() = 0;
};

struct Portion {
  bool joined = false;  // now, for the first time
  DeliveryBatch batch;
  std::optional<absl::Status> end;  // the call is over
};

struct GroupParts {
  Tail& tail;
  storage::ReadExecutor& readers;
  storage::ChunkCatalog& chunks;
  const domain::Clock& clock;
  std::string instance;
  // A turn is due at once. Called with the group's mutex held.
  std::function<void()> nudge;
};

// Shorter than the lease by the database's clock, 10 s: deliveries end before somebody else may have the buckets.
inline constexpr std::chrono::milliseconds kOwnLease{8'000};

class GroupRuntime final : public TailListener, public std::enable_shared_from_this<GroupRuntime> {
 public:
  GroupRuntime(std::string name, GroupParts parts);

  // Consumers.
  void Join(const domain::Uuid& member, const domain::JoinRequest& request, std::weak_ptr<ConsumerPort> port);
  Portion Take(const domain::Uuid& member);
  void Ack(const domain::Uuid& member, std::span<const std::int64_t> ids);
  void Nack(const domain::Uuid& member, std::span<const std::int64_t> ids, domain::NackAction action,
            const std::string& reason);
  // It answers what it has, then the call ends.
  void Leave(const domain::Uuid& member);
  // It is gone. `failed`: it did not mean to.
  void Drop(const domain::Uuid& member, bool failed);

  void OnTail() override;
  void OnStoreLost(const absl::Status& status) override;

  // The coordinator's.
  void Turn(storage::Session& session);
  void OnTime();
  // Nothing comes from it any more, and nothing is asked of the tail or the coordinator.
  void Close();
  // Nobody is here, and nothing is left to write.
  bool IsIdle() const;
  std::size_t consumers() const;
  std::int64_t parked() const;

 private:
  struct Entry {
    domain::JoinRequest request;
    std::weak_ptr<ConsumerPort> port;
    bool admitted = false;  // the group knows it
    bool told = false;      // the consumer knows that
    bool leaving = false;
    std::optional<absl::Status> end;
  };
  using Ports = std::vector<std::shared_ptr<ConsumerPort>>;

  // All holding mutex_.
  storage::GroupTurn Prepare();
  void Apply(const storage::GroupTurn& turn, const storage::GroupTurnResult& result);
  // The dispatcher, by what the database says.
  void Follow(const storage::GroupTurn& turn, const storage::GroupTurnResult& result);
  void ApplyFailure(const storage::GroupTurn& turn, const absl::Status& status);
  // Everybody's call ends; what they have comes again, here or elsewhere.
  void EndAll(const absl::Status& status);
  // What was answered and not yet written is about events that are gone.
  void GoBackWithStore();
  void CheckLease(domain::MonotonicTime now);
  void Pump(domain::MonotonicTime now);
  void ReadPage(domain::Position after);
  void ReadReplays(std::vector<storage::ReplayRef> refs);
  Ports Woken();

  void OnPage(absl::StatusOr<FeedPage> page, std::uint64_t revision);
  absl::Status LoadReplays(storage::Session& session, const std::vector<storage::ReplayRef>& refs,
                           std::uint64_t revision);
  static void Call(const Ports& ports);

  const std::string name_;
  const GroupParts parts_;

  mutable std::mutex mutex_;
  std::map<domain::Uuid, Entry> entries_;
  std::vector<domain::Uuid> left_;  // the database has to be told
  std::vector<domain::Uuid> to_wake_;
  std::unique_ptr<GroupDispatcher> dispatcher_;  // none: the group is not known yet
  std::int64_t generation_ = 0;
  std::uint64_t revision_ = 0;       // of the settings and of what was read by them
  std::uint64_t read_revision_ = 0;  // that the feed's cursor is of
  GroupFeed feed_;
  bool reading_ = false;
  bool replaying_ = false;
  domain::MonotonicTime looked_at_;  // when all consumers were woken last
  domain::MonotonicTime last_turn_;  // when the last one that succeeded was begun
  std::int64_t parked_ = 0;          // by this process
};

}  // namespace eventstore::subscriptions
