// The events and append requests of one worker. Messages are filled in place: after the first round nothing is allocated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/v1/event_store.pb.h"
#include "tools/eventbench/load/ids.h"
#include "tools/eventbench/load/payload.h"
#include "tools/eventbench/load/random.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

// What was sent in one append, to be compared with the answer.
struct SentAppend {
  std::uint64_t aggregate = 0;           // its index, see Aggregates
  std::optional<std::int32_t> expected;  // none: any version
  std::vector<Id> ids;
};

class EventMaker {
 public:
  // `worker` tells its ids from those of other workers of the run with this seed.
  EventMaker(const Options& options, std::uint64_t seed, int worker);

  // `sent.aggregate` and `sent.expected` are set already; adds the ids.
  void Fill(const Id& aggregate, int events, SentAppend& sent, v1::AppendRequest& request);

  // Names that events of this run carry, for reads.
  const std::string& AnyUser() { return users_[random_.Below(users_.size())]; }
  // A workflow some event of this worker belongs to, once there is one.
  Id AnyCorrelation();

  Random& random() { return random_; }

 private:
  void FillEvent(v1::NewEvent& event, const Id& id);

  Random random_;
  EventIds ids_;
  Payloads payloads_;
  std::vector<std::string> users_;
  std::uint64_t correlation_family_;
  std::uint64_t events_made_ = 0;
};

}  // namespace eventstore::eventbench
