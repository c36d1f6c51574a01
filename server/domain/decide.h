// The append decision: heads + what is stored + requests -> what to write and what to answer. Pure.
//
// Requests are judged one after another, in order, each against the state its predecessors leave. A request is
// accepted whole or leaves no trace, so one that fails never touches its neighbours.
//
// For each request, in this order:
//   1. An event id that a request accepted earlier in this call uses: deferred. Whether the contents agree is for the
//      database to say, once the first is stored. So is what comes later and names an event id of a deferred one, or an
//      aggregate that it writes or checks: deferring changes no outcome, only when it is known.
//   2. An event id that is stored already: the request is a repeat (kReplayed, with the first result) if all its events
//      are stored with the same content, in the same aggregates, at versions that its checks allow; else
//      EVENT_ID_CONFLICT.
//   3. A version check that fails: VERSION_CONFLICT, naming every check that fails. Checks on aggregates that are only
//      read are judged against the state before this request.
//   4. Otherwise accepted: versions follow the head's, the time is `now` but never before the aggregate's last event.
#pragma once

#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include "server/domain/append.h"
#include "server/domain/error.h"

namespace eventstore::domain {

// When and where the transaction writes. Taken under the lane locks.
struct Stamp {
  TimeMicros now = 0;
  std::int64_t xid = 0;
  std::int64_t xid_offset = 0;
};

// An event of a request whose id the store has already.
struct StoredEvent {
  Uuid aggregate_id;
  AppendedEvent appended;
  bool same_content = false;
};

// A missing aggregate has no entry, or one with version 0.
using Heads = std::unordered_map<Uuid, AggregateHead, UuidHash>;
// Keyed by the event of the request, since two requests may name one id with different content.
using StoredEvents = std::unordered_map<const NewEvent*, StoredEvent>;

struct Verdict {
  enum class Kind { kAccepted, kReplayed, kRejected, kDeferred };
  Kind kind = Kind::kRejected;
  AppendBatchResult result;  // kAccepted, kReplayed
  Error error;               // kRejected
};

struct PlannedRow {
  const Append* append;
  const NewEvent* event;
  AppendedEvent recorded;
};

struct PlannedHead {
  Uuid aggregate_id;
  AggregateHead before;
  AggregateHead after;
};

struct AppendPlan {
  std::vector<Verdict> verdicts;   // one for each request, in order
  std::vector<PlannedRow> rows;    // in position order
  std::vector<PlannedHead> heads;  // every head that changes, once
};

AppendPlan Decide(std::span<const AppendBatch* const> requests, const Heads& heads, const StoredEvents& stored,
                  const Stamp& stamp);

// Whether `events`, stored with the ids of `append`, can be the result of just this append: consecutive versions, at a
// place its check allows.
bool IsRepeatOf(const Append& append, std::span<const AppendedEvent> events);

}  // namespace eventstore::domain
