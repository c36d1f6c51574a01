// Streams that are opened and kept open: readers that take a page now and then, and AppendStreams without an item. What
// they cost the server is seen there.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

struct HoldFigures {
  double seconds_done = 0;
  int open = 0;  // of those that were asked for
  std::int64_t pages = 0;
  std::int64_t bytes = 0;
  int failed = 0;  // ended by the server, or never opened
  std::map<std::string, int> errors;
};

// Until options.seconds have passed or `on_moment`, called a few times a second, returns false; then all are cancelled. A
// reader that has read everything begins again. `open` is the figure just before the end.
HoldFigures Hold(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                 const std::function<bool(const HoldFigures&)>& on_moment);

}  // namespace eventstore::eventbench
