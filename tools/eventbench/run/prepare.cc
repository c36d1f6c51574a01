#include "tools/eventbench/run/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tools/eventbench/run/status.h"

namespace eventstore::eventbench {
namespace {

constexpr int kEventsAtOnce = 1'000;  // of one request
constexpr int kAppendsAtOnce = 200;

// Several aggregates in one request, as many as make a good size.
absl::Status FillSome(const Options& options, v1::EventStore::Stub& stub, Worker& worker, std::uint64_t first,
                      std::uint64_t last, int events) {
  v1::AppendBatchRequest request;
  std::vector<SentAppend> sent(last - first);
  for (std::uint64_t i = first; i < last; ++i) {
    SentAppend& one = sent[i - first];
    one.aggregate = i;
    v1::AppendRequest& append = *request.add_appends();
    worker.maker().Fill(worker.aggregates().IdOf(i), events, one, append);
  }
  grpc::ClientContext context;
  context.set_deadline(DeadlineOf(options));
  v1::AppendBatchResponse response;
  const grpc::Status status = stub.AppendBatch(&context, request, &response);
  if (!status.ok()) return ToAbsl(status);
  for (int i = 0; i < response.results_size(); ++i) {
    const Outcome outcome = worker.book().Acknowledged(sent[static_cast<std::size_t>(i)], response.results(i));
    if (!outcome.error.empty()) return absl::InternalError("the answer to an append is not what was asked for");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> EndOfStore(const Options& options, v1::EventStore::Stub& stub, v1::Direction direction) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineOf(options));
  v1::ReadAllRequest request;
  request.set_direction(direction);
  request.set_max_events(1);
  const auto reader = stub.ReadAll(&context, request);
  v1::ReadAllResponse page;
  std::int64_t position = 0;
  while (reader->Read(&page)) {
    if (page.events_size() > 0) position = page.events(0).global_position();
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return ToAbsl(status);
  return position;
}

}  // namespace

absl::Status Fill(const Options& options, v1::EventStore::Stub& stub, Worker& worker, const OnProgress& progress) {
  const auto count = worker.aggregates().count();
  for (int filled = 0; filled < options.fill;) {
    const int events = std::min(options.fill - filled, kEventsAtOnce);
    const auto at_once = static_cast<std::uint64_t>(std::clamp(kEventsAtOnce / events, 1, kAppendsAtOnce));
    for (std::uint64_t first = 0; first < count; first += at_once) {
      const std::uint64_t last = std::min(first + at_once, count);
      if (auto status = FillSome(options, stub, worker, first, last, events); !status.ok()) return status;
      const auto done = static_cast<std::int64_t>(count) * filled + static_cast<std::int64_t>(last) * events;
      if (!progress("filling", done, static_cast<std::int64_t>(count) * options.fill)) {
        return absl::CancelledError("interrupted while the aggregates were filled");
      }
    }
    filled += events;
  }
  return absl::OkStatus();
}

absl::Status FindPositions(const Options& options, v1::EventStore::Stub& stub, Worker& worker) {
  const auto first = EndOfStore(options, stub, v1::DIRECTION_FORWARD);
  if (!first.ok()) return first.status();
  const auto last = EndOfStore(options, stub, v1::DIRECTION_BACKWARD);
  if (!last.ok()) return last.status();
  worker.book().SetPositions(*first, *last);
  return absl::OkStatus();
}

}  // namespace eventstore::eventbench
