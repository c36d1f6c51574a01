// What is below a GroupConsumer: the call that is open, what it has brought, and the answers that are to go out.
//
// Next() opens calls, in the thread of whoever waits. Messages come on threads of gRPC, which keeps reading: the server
// never has more than max_in_flight unanswered. One write is under way at a time; answers that come meanwhile go together
// in the next one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "client/src/core.h"
#include "eventstore/group_consumer.h"

namespace eventstore::client::internal {

class GroupState {
 public:
  GroupState(std::shared_ptr<const Core> core, GroupConsumerOptions options);
  ~GroupState();

  std::optional<absl::StatusOr<GroupDelivery>> Next();
  bool Answer(const GroupDelivery& delivery, const GroupAnswer& answer);
  bool IsTakenBack(const GroupDelivery& delivery) const;
  void Leave();
  void Cancel();

 private:
  class Call;

  // With mutex_ held, all of them.
  void Open();
  void Take(v1::ConsumeResponse& message);
  void SendWhatWaits();
  void Forget();
  bool IsInHand(const GroupDelivery& delivery) const;

  const std::shared_ptr<const Core> core_;
  const GroupConsumerOptions options_;
  const Options endless_;  // the client's, without an end of attempts
  RetryLoop retries_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Call> call_;  // null: none is open
  std::int64_t calls_ = 0;      // names the one that is open
  std::deque<GroupDelivery> queue_;
  std::set<std::int64_t> in_hand_;  // handed out, not answered
  v1::ConsumeRequest::Ack acks_;    // to be sent
  std::deque<v1::ConsumeRequest::Nack> nacks_;
  bool progress_ = false;  // the call has brought something
  bool leaving_ = false;
  bool leave_sent_ = false;  // on the call that is open
  bool cancelled_ = false;
  bool over_ = false;  // an error was given
};

}  // namespace eventstore::client::internal
