// A read model in your own PostgreSQL: every event has its effect there exactly once.
//
// In a library of its own, EventStore::projection, because it needs libpqxx.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "eventstore/client.h"
#include "eventstore/pqxx_exec.h"
#include "eventstore/v1/subscriptions.pb.h"

namespace eventstore::client {

namespace internal {
class ProjectionState;
}

// Made when it is not there, in the first schema of the search path; put it into your own migrations where the role may
// not create tables. A row is one projection. To build one anew, clear what it built and delete its row, in one
// transaction; that works while it runs, too.
inline constexpr char kProjectionsTable[] =
    "CREATE TABLE eventstore_projections (\n"
    "  name       text PRIMARY KEY,\n"
    "  position   bigint NOT NULL,\n"
    "  updated_at timestamptz NOT NULL DEFAULT now())";

struct ProjectionOptions {
  // Which row of eventstore_projections is its place.
  std::string name;
  // Your database: a libpq connection string or URL. A pool in between has to be in session mode.
  std::string conninfo;
  // Instead of conninfo: makes a connection, with your settings. May throw what libpqxx throws.
  std::function<std::unique_ptr<pqxx::connection>()> connect = nullptr;
  // A transaction takes what has come together, at most so many events, and is committed after this time at the latest,
  // give or take one event. What comes alone is committed alone, at once.
  std::size_t max_batch_events = 500;
  std::chrono::milliseconds max_batch_time{500};
  // How often a standby asks whether the projection is free.
  std::chrono::milliseconds standby_pause{1'000};
  // Told why it is about to wait and try again: for your log. Called in Run().
  std::function<void(const absl::Status&)> on_retry = nullptr;
};

// Applies the events of a subscription, in order, in transactions that also note how far it has come: if the process dies,
// the next one goes on after the last event that took effect.
//
// One process at a time applies a projection, under an advisory lock of its session; others that run it wait, and take over.
// When the server or the database goes away it goes on as soon as both are back (the pauses are those of Options::retry,
// without an end; they are slept by Options::hooks.sleep). What was not committed is applied again.
//
//   Projection projection(client, request, {.name = "balances", .conninfo = "dbname=bank"});
//   absl::Status ended = projection.Run([](pqxx::work& tx, const v1::RecordedEvent& event) -> absl::Status {
//     Exec(tx, "UPDATE balances SET ... WHERE account = $1", event.aggregate_id());
//     return absl::OkStatus();
//   });
class Projection {
 public:
  // Changes the database in `tx` only, and nothing outside of it: it may be called again for the same event, after a
  // transaction that was not committed. Never ends the transaction.
  using Handler = std::function<absl::Status(pqxx::work& tx, const v1::RecordedEvent& event)>;

  // `request`: which events, and where to begin when there is no place yet.
  Projection(const EventStoreClient& client, v1::SubscribeRequest request, ProjectionOptions options);
  ~Projection();
  Projection(const Projection&) = delete;
  Projection& operator=(const Projection&) = delete;

  // Until Stop(), then OK; or until an error that stays:
  //   what the handler returned: nothing of that transaction took effect, and the next Run() begins with the same event
  //   INTERNAL, an error of PostgreSQL that trying again does not mend, from the handler's SQL or from our own
  //   OUT_OF_RANGE, reason POSITION_AHEAD: the store was set back behind what was applied; the message says what to do
  //   any other error of the subscription, for example INVALID_ARGUMENT
  // What the handler throws that is not of libpqxx goes through, and nothing of the transaction takes effect either.
  absl::Status Run(const Handler& handler);

  // From any thread: Run() commits what it has applied and returns, at the latest after a pause that is under way.
  void Stop();

 private:
  const std::unique_ptr<internal::ProjectionState> state_;
};

}  // namespace eventstore::client
