// Everything that is stored, taken in once as fast as it comes: by one subscription, or by the consumers of a new group that
// acknowledge every event.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

struct DrainFigures {
  std::int64_t events_all = 0;  // stored when it began
  std::int64_t events = 0;      // taken in; of a group, each counted once for each delivery
  double seconds = 0;           // from the first call to the last event
};

inline double EventsPerSecond(const DrainFigures& figures) {
  return figures.seconds > 0 ? static_cast<double>(figures.events) / figures.seconds : 0;
}

// `on_moment`: a few times a second; false: stop. A group is deleted at the end.
absl::StatusOr<DrainFigures> DrainStore(const Options& options,
                                        const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                        const std::function<bool(const DrainFigures&)>& on_moment);

}  // namespace eventstore::eventbench
