// One consumer of a consumer group: takes its share of the events, and answers each.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eventstore/client.h"
#include "eventstore/v1/subscriptions.pb.h"

namespace eventstore::client {

namespace internal {
class GroupState;
}

struct GroupConsumerOptions {
  std::string group;
  // Shown in the list of members; for example the host and process.
  std::string consumer_name = {};
  // Deliveries that may be unanswered at once, which is also how many events are held in memory. 0: the server's 100.
  int max_in_flight = 0;
  // A sign of life after so many seconds without another message; 0: the server's 10.
  int heartbeat_seconds = 0;
  // How long the destructor waits for the server to end the call well.
  std::chrono::milliseconds leave_timeout{5'000};
};

struct GroupDelivery {
  v1::RecordedEvent event;
  int attempt = 1;
  std::int32_t bucket = 0;
  // Everything of this bucket up to here was answered: see group_inbox.h.
  std::int64_t settled_position = 0;
  // It was parked, and is older than what came meanwhile.
  bool replayed = false;
  // Which one it is, for the answer: the consumer's call, and the number in it.
  std::int64_t call = 0;
  std::int64_t id = 0;
};

// What came of a delivery, for Run().
struct GroupAnswer {
  enum class Kind {
    kAck,    // handled
    kRetry,  // again after the group's pause; parked in the end. What follows of the same aggregate comes after it
    kPark,   // set aside with the reason; the aggregate goes on
    kSkip,   // as if it had been handled
  };
  Kind kind = Kind::kAck;
  std::string reason = {};  // kept with what is parked; at most 1 000 bytes of it

  static GroupAnswer Ack() { return {}; }
  static GroupAnswer Retry(std::string reason) { return {Kind::kRetry, std::move(reason)}; }
  static GroupAnswer Park(std::string reason) { return {Kind::kPark, std::move(reason)}; }
  static GroupAnswer Skip(std::string reason) { return {Kind::kSkip, std::move(reason)}; }
};

// Joins the group, and joins again when the connection or the server is lost, for as long as it takes (the pauses are those
// of Options::retry). At least once: what was not answered comes again, to this consumer or to another; so may what was
// answered just before a server died. With group_inbox.h each event takes effect once.
//
//   GroupConsumer consumer(client, {.group = "mailer"});
//   absl::Status ended = consumer.Run([](const GroupDelivery& delivery) {
//     return Send(delivery.event) ? GroupAnswer::Ack() : GroupAnswer::Retry("the mail server is away");
//   });
//
// Or with Next() and your own threads: events of one aggregate come in order, so hand them to one thread. Next() is for one
// thread at a time; everything else may be called from any, at any time.
class GroupConsumer {
 public:
  GroupConsumer(const EventStoreClient& client, GroupConsumerOptions options);
  // Leaves. What is in hand is given up, and comes again, here or elsewhere, without counting as failed.
  ~GroupConsumer();
  GroupConsumer(const GroupConsumer&) = delete;
  GroupConsumer& operator=(const GroupConsumer&) = delete;

  // Waits for the next delivery. An error that stays (GROUP_NOT_FOUND) is given once; nothing comes after it, after Leave()
  // or after Cancel(). What was taken back before it was handed out does not come.
  std::optional<absl::StatusOr<GroupDelivery>> Next();

  // Answers go out at once when nothing else is on its way, else together. False: it was answered already or taken back, and
  // comes or came again; the answer is not sent.
  bool Ack(const GroupDelivery& delivery);
  bool Retry(const GroupDelivery& delivery, const std::string& reason);
  bool Park(const GroupDelivery& delivery, const std::string& reason);
  bool Skip(const GroupDelivery& delivery, const std::string& reason);
  bool Answer(const GroupDelivery& delivery, const GroupAnswer& answer);

  // Of one that was handed out and not answered: do not go on with it.
  bool IsTakenBack(const GroupDelivery& delivery) const;

  // Answers one delivery after another, until Leave() or Cancel(), then OK; or until an error that stays.
  absl::Status Run(const std::function<GroupAnswer(const GroupDelivery&)>& handler);

  // In good order: Next() gives nothing more, what is in hand can still be answered, and when it is, the group is told.
  // Does not wait.
  void Leave();
  // At once: what is in hand is given up, and the oldest of it counts as failed once. A waiting Next() returns nothing.
  void Cancel();

 private:
  const std::unique_ptr<internal::GroupState> state_;
};

}  // namespace eventstore::client
