// What happens before the clock starts: aggregates get their first events, and the ends of the store are looked up.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "eventstore/v1/event_store.grpc.pb.h"
#include "tools/eventbench/load/worker.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

// How much of `what` is done; false: stop.
using OnProgress = std::function<bool(const std::string& what, std::int64_t done, std::int64_t all)>;

// Appends options.fill events to each aggregate of the worker. What they become is in the worker's book.
absl::Status Fill(const Options& options, v1::EventStore::Stub& stub, Worker& worker, const OnProgress& progress);

// The first and the last position of what is stored now, for reads in the middle.
absl::Status FindPositions(const Options& options, v1::EventStore::Stub& stub, Worker& worker);

}  // namespace eventstore::eventbench
