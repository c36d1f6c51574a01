#include "tools/eventbench/load/event_maker.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

namespace eventstore::eventbench {
namespace {

constexpr std::uint64_t kEventsInWorkflow = 10;
constexpr std::array<const char*, 8> kTypes = {"order.placed",  "order.paid",      "order.packed",  "order.shipped",
                                               "order.arrived", "order.cancelled", "order.changed", "order.refunded"};

std::uint64_t UnixMilliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

EventMaker::EventMaker(const Options& options, std::uint64_t seed, int worker)
    : random_(Scramble(seed) + static_cast<std::uint64_t>(worker)),
      // Never the run's seed: a run that is repeated with it must not send the ids of the first one again.
      ids_(Scramble(UnixMilliseconds() ^ random_.Next())),
      payloads_(options.payload, random_),
      correlation_family_(Scramble(seed ^ 0xc0) + static_cast<std::uint64_t>(worker)) {
  for (int i = 0; i < options.users; ++i) users_.push_back(fmt::format("user-{}", i));
}

void EventMaker::Fill(const Id& aggregate, int events, SentAppend& sent, v1::AppendRequest& request) {
  WriteId(aggregate, *request.mutable_aggregate_id());
  request.set_aggregate_type("entity");
  if (sent.expected) {
    request.set_expected_version(*sent.expected);
  } else {
    request.set_any_version(true);
  }
  const std::uint64_t now = UnixMilliseconds();
  sent.ids.clear();
  // Shrinking and growing a repeated field keeps its messages and their memory.
  request.mutable_events()->Clear();
  for (int i = 0; i < events; ++i) {
    sent.ids.push_back(ids_.Make(now));
    FillEvent(*request.add_events(), sent.ids.back());
  }
}

void EventMaker::FillEvent(v1::NewEvent& event, const Id& id) {
  const std::uint64_t random = random_.Next();
  WriteId(id, *event.mutable_id());
  event.set_event_type(kTypes[random % kTypes.size()]);
  event.set_user_id(users_[(random >> 8) % users_.size()]);
  event.set_data(payloads_.Pick(random >> 32));
  WriteId(DerivedId(correlation_family_, events_made_ / kEventsInWorkflow), *event.mutable_correlation_id());
  ++events_made_;
}

Id EventMaker::AnyCorrelation() {
  return DerivedId(correlation_family_, random_.Below(events_made_ / kEventsInWorkflow + 1));
}

}  // namespace eventstore::eventbench
