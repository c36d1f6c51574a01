#include "server/storage/import/importer.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/floor_to.h"
#include "server/domain/lane.h"
#include "server/storage/append_statements.h"
#include "server/storage/chunk_reopener.h"
#include "server/storage/closer_lock.h"
#include "server/storage/import/import_write.h"
#include "server/storage/lane_lock.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::ImportedEvent;
using domain::TimeMicros;
using domain::Uuid;

constexpr char kUniqueViolation[] = "23505";
constexpr char kNoSuchTable[] = "42P01";
constexpr char kNoPartition[] = "23514";  // of an engine whose chunks are made ahead
constexpr char kDivisionByZero[] = "22012";
constexpr char kHeadsKey[] = "\"aggregate_heads_pkey\"";

const Prepared kBegin{"import_begin", "BEGIN ISOLATION LEVEL READ COMMITTED"};
const Prepared kKeepOpen{"import_keep_open", "SELECT pg_advisory_xact_lock_shared($1, 0)"};
const Prepared kHoldOpen{"import_hold_open", "SELECT pg_advisory_lock_shared($1, 0)"};
const Prepared kLock{"import_lock", "SELECT pg_advisory_xact_lock($1, $2)"};

// The sub-select has a volatile function, so it runs once, as one row. The transaction id is assigned here, under the
// locks, and the heads are read by a statement that is younger than they.
const Prepared kReadHeads{"import_heads", R"sql(
SELECT c.xid, c.xid_offset, h.aggregate_id, h.version, h.first_timestamp, h.last_timestamp
FROM (SELECT pg_current_xact_id() AS xid, (SELECT xid_offset FROM store_identity) AS xid_offset) c
LEFT JOIN aggregate_heads h ON h.aggregate_id = ANY ($1)
)sql"};

constexpr Query kFindClamped{"import_find_clamped", R"sql(
SELECT event_id, aggregate_id FROM import_clamped WHERE event_id = ANY ($1::uuid[])
)sql"};

absl::Status AddFound(absl::StatusOr<pqxx::result> rows, domain::StoredIds& stored) {
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    const auto id = Uuid::Parse(row[0].c_str());
    const auto aggregate_id = Uuid::Parse(row[1].c_str());
    if (id && aggregate_id) stored[*id] = *aggregate_id;
  }
  return absl::OkStatus();
}

absl::Status CheckSize(std::span<const ImportedEvent> events) {
  if (events.size() > Importer::kMaxEvents) {
    return domain::LimitExceeded("events", "max_events", events.size(), Importer::kMaxEvents);
  }
  std::set<TimeMicros> days;
  for (const ImportedEvent& event : events) days.insert(domain::FloorTo(event.timestamp, domain::kMicrosPerDay));
  if (days.size() > Importer::kMaxDays) {
    return domain::LimitExceeded("events", "max_days", days.size(), Importer::kMaxDays);
  }
  return absl::OkStatus();
}

ImportResult ResultOf(const domain::ImportPlan& plan) {
  using Kind = domain::ImportVerdict::Kind;
  ImportResult result;
  result.verdicts = plan.verdicts;
  for (const domain::ImportVerdict& verdict : result.verdicts) {
    result.written += verdict.kind == Kind::kWritten ? 1 : 0;
    result.already_there += verdict.kind == Kind::kAlreadyThere ? 1 : 0;
    result.clamped += verdict.clamped ? 1 : 0;
  }
  return result;
}

}  // namespace

struct Importer::Before {
  domain::Heads heads;
  domain::Stamp stamp;
};

Importer::Importer(const std::string& conninfo, const std::string& role)
    : session_(conninfo, role, kAppendSettings), reader_(conninfo, role + " reader") {}

absl::Status Importer::Prepare() {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (absl::Status connected = reader_.EnsureConnected(); !connected.ok()) return connected;
  if (prepared_generation_ != session_.generation() || reader_generation_ != reader_.generation()) {
    // It may be another cluster now.
    auto identity = EnsureIdentity(reader_, catalog_);
    if (!identity.ok()) return identity.status();
    if (identity_.lanes != 0 && identity->lanes != identity_.lanes) {
      return domain::ErrorOf(domain::Reason::kStoreIncompatible,
                             fmt::format("the store has {} lanes now and had {} when the import began; begin again",
                                         identity->lanes, identity_.lanes));
    }
    identity_ = *std::move(identity);
    partitions_ = PartitionsOf(identity_.engine, identity_.edition);
    prepared_generation_ = session_.generation();
    reader_generation_ = reader_.generation();
  }
  if (hold_open_ && held_generation_ != session_.generation()) {
    absl::Status held = session_.Add(kHoldOpen, Parameters().AddInt4(kCloserLockClass));
    if (held.ok()) held = session_.Run().status();
    if (!held.ok()) return held;
    held_generation_ = session_.generation();
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> Importer::Write(std::span<const ImportedEvent> events, std::span<const ImportNote> notes) {
  return WriteNoting(events, [&](const ImportResult&) { return std::vector<ImportNote>(notes.begin(), notes.end()); });
}

absl::StatusOr<ImportResult> Importer::WriteNoting(std::span<const ImportedEvent> events, const ImportNotes& notes) {
  return Repeatedly(events, &notes);
}

absl::StatusOr<ImportResult> Importer::Rehearse(std::span<const ImportedEvent> events) {
  auto result = Repeatedly(events, nullptr);
  Rollback();
  return result;
}

absl::StatusOr<ImportResult> Importer::Repeatedly(std::span<const ImportedEvent> events, const ImportNotes* notes) {
  if (absl::Status checked = CheckSize(events); !checked.ok()) return checked;
  bool look_up_all = false;
  for (int tries = 1;; ++tries) {
    auto result = Caught([&] { return TryWrite(events, notes, look_up_all); });
    if (result.ok()) return result;
    Rollback();
    const std::string state = SqlStateOf(result.status());
    // A chunk was dropped that was on the list; or an id is stored that none of the quick questions found.
    const bool dropped = state == kNoSuchTable || (state == kNoPartition && partitions_ && partitions_->made_ahead());
    if (dropped) {
      catalog_.Forget();
      chunk_maker_->Forget();
    }
    const bool again = dropped || (state == kUniqueViolation && !look_up_all);
    look_up_all |= state == kUniqueViolation;
    if (!again || tries == kMaxTries) return result;
  }
}

absl::StatusOr<ImportResult> Importer::TryWrite(std::span<const ImportedEvent> events, const ImportNotes* notes,
                                                bool look_up_all) {
  if (absl::Status prepared = Prepare(); !prepared.ok()) return prepared;
  auto before = Begin(events);
  if (!before.ok()) return before.status();
  std::vector<At> places;
  for (const ImportedEvent& event : events) {
    if (look_up_all || domain::MayBeStored(event, before->heads)) places.push_back({event.event.id, event.timestamp});
  }
  domain::StoredIds stored;
  if (absl::Status found = FindStored(places, stored); !found.ok()) return found;
  domain::ImportPlan plan = domain::PlanImport(events, before->heads, stored, before->stamp);
  if (look_up_all) {
    // Also where it would be put.
    places.clear();
    for (const domain::ImportedRow& row : plan.rows) places.push_back({row.recorded.id, row.recorded.timestamp});
    if (absl::Status found = FindStored(places, stored); !found.ok()) return found;
    plan = domain::PlanImport(events, before->heads, stored, before->stamp);
  }
  ImportResult result = ResultOf(plan);
  if (notes == nullptr) return result;
  if (absl::Status made = MakeRoom(plan); !made.ok()) return made;
  const std::vector<ImportNote> made = (*notes)(result);
  if (absl::Status written = WriteAndCommit(plan, made); !written.ok()) return written;
  return result;
}

absl::StatusOr<Importer::Before> Importer::Begin(std::span<const ImportedEvent> events) {
  std::set<int> lanes;
  std::set<Uuid> aggregates;
  BinaryArray ids(PgType::kUuid);
  for (const ImportedEvent& event : events) {
    if (!aggregates.insert(event.aggregate_id).second) continue;
    ids.Add(event.aggregate_id);
    lanes.insert(domain::LaneOf(event.aggregate_id, identity_.lanes));
  }
  absl::Status added = session_.Add(kBegin);
  if (added.ok()) added = session_.Add(kKeepOpen, Parameters().AddInt4(kCloserLockClass));
  for (const int lane : lanes) {
    if (added.ok()) added = session_.Add(kLock, Parameters().AddInt4(kLaneLockClass).AddInt4(lane));
  }
  if (added.ok()) added = session_.Add(kReadHeads, Parameters().Add(std::move(ids)));
  if (!added.ok()) return added;
  auto results = session_.Run();
  if (!results.ok()) return results.status();
  const Rows& rows = results->back();
  Before before;
  before.stamp = {0, rows.Int8(0, 0), rows.Int8(0, 1)};
  for (int row = 0; row < rows.size(); ++row) {
    if (!rows.IsNull(row, 2)) before.heads[rows.Id(row, 2)] = {rows.Int4(row, 3), rows.Time(row, 4), rows.Time(row, 5)};
  }
  return before;
}

// By the other session: nobody else can write to these aggregates now, so what it sees is all there is.
absl::Status Importer::FindStored(const std::vector<At>& places, domain::StoredIds& stored) {
  if (places.empty()) return absl::OkStatus();
  auto chunks = catalog_.All(reader_);
  if (!chunks.ok()) return chunks.status();
  std::map<const Chunk*, std::vector<Uuid>> asked;
  std::vector<Uuid> all;
  for (const At& place : places) {
    all.push_back(place.id);
    const auto within = Overlapping(**chunks, {place.time, place.time + 1});
    if (!within.empty()) asked[&within.front()].push_back(place.id);
  }
  absl::Status found = AddFound(reader_.Run(kFindClamped, {IdArray(all)}), stored);
  for (const auto& [chunk, ids] : asked) {
    if (!found.ok()) return found;
    found = AddFound(reader_.RunKept("SELECT id, aggregate_id FROM " + chunk->table + " WHERE id = ANY ($1::uuid[])",
                                     {IdArray(ids)}),
                     stored);
  }
  return found;
}

absl::Status Importer::MakeRoom(const domain::ImportPlan& plan) {
  std::set<TimeMicros> times;
  for (const domain::ImportedRow& row : plan.rows) times.insert(row.recorded.timestamp);
  const std::vector<TimeMicros> sorted(times.begin(), times.end());
  if (absl::Status made = chunk_maker_->Make(reader_, *partitions_, sorted); !made.ok()) return made;
  return ReopenChunks(reader_, sorted).status();
}

absl::Status Importer::WriteAndCommit(const domain::ImportPlan& plan, std::span<const ImportNote> notes) {
  absl::Status added = AddImported(session_, plan);
  for (const ImportNote& note : notes) {
    if (added.ok()) added = session_.Add(note.statement, note.parameters);
  }
  if (added.ok()) added = AddCommit(session_);
  if (!added.ok()) return added;
  auto done = session_.Run();
  if (done.ok()) return absl::OkStatus();
  const std::string state = SqlStateOf(done.status());
  if (state == kDivisionByZero || done.status().message().find(kHeadsKey) != absl::string_view::npos) {
    return domain::ErrorOf(domain::Reason::kInternal,
                           "a head changed under the lane lock; nothing was written. Somebody writes to "
                           "aggregate_heads besides the servers, or servers run with different numbers of lanes");
  }
  return done.status();
}

void Importer::Rollback() {
  if (!session_.in_transaction()) return;
  if (!AddRollback(session_).ok() || !session_.Run().ok()) session_.Disconnect();
}

}  // namespace eventstore::storage
