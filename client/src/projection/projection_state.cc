#include "client/src/projection/projection_state.h"

#include <limits>
#include <string>
#include <utility>

#include "client/src/projection/database_error.h"
#include "client/src/projection/pq.h"
#include "client/src/status.h"
#include "eventstore/errors.h"

namespace eventstore::client::internal {
namespace {

Options WithoutEnd(Options options) {
  options.retry.max_attempts = std::numeric_limits<int>::max();
  return options;
}

}  // namespace

ProjectionState::ProjectionState(const EventStoreClient& client, v1::SubscribeRequest request,
                                 ProjectionOptions options)
    : client_(client),
      request_(std::move(request)),
      options_(std::move(options)),
      endless_(WithoutEnd(client.options())),
      place_(options_.name) {}

void ProjectionState::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (subscriber_ != nullptr) subscriber_->Cancel();
}

bool ProjectionState::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ProjectionState::SetSubscriber(Subscriber* subscriber) {
  const std::lock_guard lock(mutex_);
  subscriber_ = subscriber;
  if (stopping_ && subscriber_ != nullptr) subscriber_->Cancel();
}

absl::Status ProjectionState::Run(const Projection::Handler& handler) {
  if (options_.name.empty()) return absl::InvalidArgumentError("a projection needs a name (ProjectionOptions::name)");
  if (request_.start_case() == v1::SubscribeRequest::START_NOT_SET) {
    return absl::InvalidArgumentError("say where the projection begins when it has no place yet (the request's start)");
  }
  RetryLoop retries(endless_, Safety::kRead, Deadline(endless_.hooks, std::chrono::milliseconds(0)));
  while (!stopping()) {
    progress_ = false;
    const Ended ended = Serve(handler);
    if (!ended.again) return ended.status;
    if (stopping()) break;
    if (options_.on_retry) options_.on_retry(ended.status);
    if (progress_) retries.MadeProgress();
    if (absl::Status verdict = retries.WaitAfter(absl::UnavailableError("")); !verdict.ok()) return verdict;
  }
  return absl::OkStatus();
}

ProjectionState::Ended ProjectionState::Serve(const Projection::Handler& handler) {
  try {
    const auto connection = options_.connect ? options_.connect() : Connect(options_.conninfo);
    ForbidReconnect(*connection);
    Place::EnsureTable(*connection);
    if (!AwaitLock(*connection)) return {absl::OkStatus()};
    place_.Read(*connection);
    return Follow(*connection, handler);
  } catch (const pqxx::failure& error) {
    absl::Status status = WithNote(StatusOf(error), " (projection " + options_.name + ")");
    const bool again = absl::IsUnavailable(status);
    return {std::move(status), again};
  }
}

bool ProjectionState::AwaitLock(pqxx::connection& connection) {
  while (!stopping()) {
    if (place_.TryLock(connection)) return true;
    endless_.hooks.sleep(options_.standby_pause);
  }
  return false;
}

ProjectionState::Ended ProjectionState::Follow(pqxx::connection& connection, const Projection::Handler& handler) {
  v1::SubscribeRequest request = request_;
  if (const auto position = place_.position()) request.set_from_position(*position);
  Subscriber subscriber(client_, request);
  SetSubscriber(&subscriber);
  // Before the subscriber is gone, however this ends.
  const std::unique_ptr<ProjectionState, void (*)(ProjectionState*)> forget(
      this, [](ProjectionState* state) { state->SetSubscriber(nullptr); });
  while (auto delivery = subscriber.Next()) {
    if (!delivery->ok()) return {Explained(delivery->status())};
    Ended ended = (*delivery)->kind == Delivery::Kind::kEvent
                      ? ApplyBatch(connection, handler, subscriber, **std::move(delivery))
                      : Note(connection, (*delivery)->position);
    if (!ended.status.ok()) return ended;
    if (stopping()) break;
  }
  return {absl::OkStatus()};
}

ProjectionState::Ended ProjectionState::ApplyBatch(pqxx::connection& connection, const Projection::Handler& handler,
                                                   Subscriber& subscriber, Delivery delivery) {
  const auto until = endless_.hooks.now() + options_.max_batch_time;
  pqxx::work tx(connection);
  for (std::size_t applied = 1;; ++applied) {
    if (absl::Status status = handler(tx, delivery.event); !status.ok()) return {status};
    // Only what is here already: a transaction that waits for events would keep its locks meanwhile.
    if (applied >= options_.max_batch_events || !subscriber.HasNext() || stopping() || endless_.hooks.now() >= until) {
      break;
    }
    auto next = subscriber.Next();
    if (!next || !next->ok()) break;
    delivery = **std::move(next);
  }
  return Commit(tx, delivery.position);
}

ProjectionState::Ended ProjectionState::Note(pqxx::connection& connection, std::int64_t position) {
  if (place_.position() == position) return {absl::OkStatus()};
  pqxx::work tx(connection);
  return Commit(tx, position);
}

ProjectionState::Ended ProjectionState::Commit(pqxx::work& tx, std::int64_t position) {
  if (!place_.Move(tx, position)) {
    return {absl::AbortedError("the place of projection " + options_.name +
                               " in eventstore_projections was changed by somebody else; going on from there"),
            true};
  }
  tx.commit();
  place_.Moved(position);
  progress_ = true;
  return {absl::OkStatus()};
}

absl::Status ProjectionState::Explained(const absl::Status& status) const {
  if (ErrorReason(status) != "POSITION_AHEAD") return status;
  return WithNote(status,
                  "; projection " + options_.name + " has applied events up to position " +
                      std::to_string(place_.position().value_or(0)) +
                      ", which the store no longer has: an earlier state of it was restored. Either restore this "
                      "database to a moment before that, or build the projection anew: clear its tables and "
                      "delete its row in eventstore_projections, in one transaction");
}

}  // namespace eventstore::client::internal
