// The import decision: heads + what is stored + events of long ago -> what to write. Pure.
//
// Events come with their own ids and times. They are judged one after another, in order:
//   1. Its id is stored, in its aggregate: already there. In another aggregate: refused, whatever it holds.
//   2. Its id was used by an event before it in this call: already there if all is equal, else refused.
//   3. Otherwise it is written: its version follows the head's, and its time is its own but never before the
//      aggregate's last event. A time that had to be raised is kept in the metadata as `original_timestamp`.
// So what holds for appends holds here: version order = time order = position order within an aggregate.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/domain/decide.h"
#include "server/domain/event.h"

namespace eventstore::domain {

// Its texts have passed validation (ParseImported).
struct ImportedEvent {
  Uuid aggregate_id;
  std::string aggregate_type;
  TimeMicros timestamp = 0;
  NewEvent event;

  bool operator==(const ImportedEvent&) const = default;
};

// The key in the metadata of an event whose time was raised; its value is ISO 8601 in UTC, "2019-05-04T10:11:12.123456Z".
inline constexpr char kOriginalTimestamp[] = "original_timestamp";

// Stored event ids, with the aggregates they are in.
using StoredIds = std::unordered_map<Uuid, Uuid, UuidHash>;

struct ImportVerdict {
  enum class Kind {
    kWritten,
    kAlreadyThere,  // a repeat; nothing to do
    kIdTaken,       // its id belongs to another event
    kExhausted,     // its aggregate would pass version 2147483647
  };
  Kind kind = Kind::kWritten;
  AppendedEvent recorded;  // kWritten
  bool clamped = false;    // kWritten, at a later time than its own
  Uuid other_aggregate;    // kIdTaken: where the id is
};

struct ImportedRow {
  const ImportedEvent* event;
  AppendedEvent recorded;
  std::string metadata;  // set only when it was clamped: what to write instead of the event's own
};

struct ImportPlan {
  std::vector<ImportVerdict> verdicts;  // one for each event, in order
  std::vector<ImportedRow> rows;        // in position order
  std::vector<PlannedHead> heads;       // every head that changes, once
};

// `stamp.now` is not used: the time of an import is no event's time. At most kMaxOrdinal + 1 events.
ImportPlan PlanImport(std::span<const ImportedEvent> events, const Heads& heads, const StoredIds& stored,
                      const Stamp& stamp);

// Whether an event of this time can be stored already, by its aggregate's head: one that comes after the aggregate's last
// event cannot. So a first import, in the order of time, looks up nothing.
bool MayBeStored(const ImportedEvent& event, const Heads& heads);

}  // namespace eventstore::domain
