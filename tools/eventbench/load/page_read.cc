#include "tools/eventbench/load/page_read.h"

#include <algorithm>

namespace eventstore::eventbench {
namespace {

constexpr int kDefaultLimit = 100;

}  // namespace

void PageRead::Start() {
  outcome_ = {};
  grpc::ClientContext& context = context_.emplace();
  context.set_deadline(DeadlineOf(bench_.options));
  Prepare(context);
  reader_->StartCall(static_cast<Completion*>(&started_));
}

void PageRead::Prepare(grpc::ClientContext& context) {
  switch (kind_) {
    case Kind::kUser:
      return PrepareUser(context);
    case Kind::kCorrelated:
      return PrepareCorrelated(context);
    case Kind::kTail:
      return PrepareTail(context);
    default:
      return PrepareReplay(context);
  }
}

void PageRead::PrepareReplay(grpc::ClientContext& context) {
  v1::GetAggregateStreamRequest request;
  WriteId(bench_.aggregates.IdOf(bench_.aggregates.NextToRead(bench_.maker.random())), *request.mutable_aggregate_id());
  request.set_max_events(std::max(0, bench_.options.read_limit));
  if (bench_.options.newest_first) request.set_direction(v1::DIRECTION_BACKWARD);
  reader_ = connection_.pages->Prepare(kind_, context, request, bench_.queue);
}

void PageRead::PrepareUser(grpc::ClientContext& context) {
  v1::GetUserStreamRequest request;
  request.set_user_id(bench_.maker.AnyUser());
  request.set_limit(bench_.options.read_limit < 0 ? kDefaultLimit : bench_.options.read_limit);
  if (bench_.options.newest_first) request.set_direction(v1::DIRECTION_BACKWARD);
  reader_ = connection_.pages->Prepare(kind_, context, request, bench_.queue);
}

void PageRead::PrepareCorrelated(grpc::ClientContext& context) {
  v1::GetCorrelatedEventsRequest request;
  WriteId(bench_.maker.AnyCorrelation(), *request.mutable_correlation_id());
  reader_ = connection_.pages->Prepare(kind_, context, request, bench_.queue);
}

void PageRead::PrepareTail(grpc::ClientContext& context) {
  const std::int64_t first = bench_.book.first_position();
  const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(1, bench_.book.last_position() - first));
  v1::ReadAllRequest request;
  request.set_from_position(first + static_cast<std::int64_t>(bench_.maker.random().Below(span)));
  request.set_max_events(bench_.options.read_limit < 0 ? kDefaultLimit : bench_.options.read_limit);
  if (bench_.options.newest_first) request.set_direction(v1::DIRECTION_BACKWARD);
  reader_ = connection_.pages->Prepare(kind_, context, request, bench_.queue);
}

void PageRead::Started(bool ok) {
  if (ok) {
    reader_->Read(&page_, static_cast<Completion*>(&page_came_));
  } else {
    reader_->Finish(&status_, static_cast<Completion*>(&finished_));
  }
}

void PageRead::PageCame(bool ok) {
  if (!ok) {
    reader_->Finish(&status_, static_cast<Completion*>(&finished_));
    return;
  }
  outcome_.bytes += static_cast<std::int64_t>(page_.Length());
  const std::int64_t events = EventsIn(page_);
  if (events < 0) outcome_.error = "WRONG_ANSWER";
  outcome_.events += std::max<std::int64_t>(0, events);
  reader_->Read(&page_, static_cast<Completion*>(&page_came_));
}

void PageRead::Finished(bool /*ok*/) {
  reader_.reset();
  if (status_.ok()) {
    listener_.Ended(outcome_, nullptr);
    return;
  }
  const Failure failure = FailureOf(status_);
  listener_.Ended({.error = failure.reason}, &failure);
}

}  // namespace eventstore::eventbench
