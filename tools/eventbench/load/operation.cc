#include "tools/eventbench/load/operation.h"

#include <chrono>

#include "tools/eventbench/load/append_stream.h"
#include "tools/eventbench/load/page_read.h"
#include "tools/eventbench/load/unary.h"

namespace eventstore::eventbench {

std::unique_ptr<Operation> MakeOperation(Kind kind, Workbench& bench, Connection& connection,
                                         OperationListener& listener) {
  switch (kind) {
    case Kind::kAppend:
      return std::make_unique<UnaryAppend>(bench, connection, listener, bench.options.events);
    case Kind::kBatch:
      if (bench.options.batch_as_events) {
        return std::make_unique<UnaryAppend>(bench, connection, listener, bench.options.batch_size);
      }
      return std::make_unique<BatchAppend>(bench, connection, listener);
    case Kind::kStream:
      return std::make_unique<StreamAppend>(bench, connection, listener);
    case Kind::kCount:
      return std::make_unique<CountRead>(bench, connection, listener);
    case Kind::kPing:
      return std::make_unique<Ping>(bench, connection, listener);
    default:
      return std::make_unique<PageRead>(kind, bench, connection, listener);
  }
}

std::chrono::system_clock::time_point DeadlineOf(const Options& options) {
  const std::chrono::duration<double> timeout(options.timeout);
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
}

}  // namespace eventstore::eventbench
