#include "server/storage/legacy/forwarder.h"

#include <algorithm>
#include <utility>

#include "server/domain/clock.h"
#include "server/domain/error.h"
#include "server/domain/event_validation.h"
#include "server/storage/legacy/legacy_locks.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

using domain::ImportedEvent;
using domain::Uuid;
using Kind = domain::ImportVerdict::Kind;

const Query kTakeTurn{"forward_turn", "SELECT pg_try_advisory_lock($1::integer, $2::integer)"};

// A row whose transaction is not below xmax, and yet is seen, is of another cluster: the database was restored.
const Query kRead{"forward_read", R"sql(
SELECT o.seq, o.payload ->> l.id_column,
       CASE WHEN isfinite(t.at) THEN (extract(epoch FROM t.at) * 1000000)::bigint::text END,
       o.payload ->> l.type_column, (o.payload -> l.data_column)::text, coalesce(o.payload ->> l.user_column, ''),
       coalesce(o.payload ->> l.correlation_column, ''),
       coalesce(CASE WHEN l.aggregate_path <> '{}' THEN o.payload -> l.data_column #>> l.aggregate_path END,
                o.payload ->> l.id_column),
       l.aggregate_type,
       jsonb_build_object('legacy_id', o.payload ->> l.id_column,
                          'table', format('%I.%I', l.legacy_schema, l.original_table), 'run', 'dual-write')::text
FROM legacy_link l, pg_current_snapshot() s, legacy_outbox o,
     LATERAL (SELECT (o.payload ->> l.time_column)::timestamptz AS at) t
WHERE o.error IS NULL AND legacy_type_enabled(l, o.payload ->> l.type_column)
  AND (NOT $2::boolean OR o.xid < pg_snapshot_xmin(s) OR o.xid >= pg_snapshot_xmax(s))
ORDER BY o.xid, o.seq
LIMIT $1::integer
)sql"};

const Query kRefuse{"forward_refuse", "UPDATE legacy_outbox SET error = $2 WHERE seq = $1::bigint"};
const Query kRetry{"forward_retry",
                   "WITH again AS (UPDATE legacy_outbox SET error = NULL WHERE error IS NOT NULL "
                   "RETURNING 1) SELECT count(*) FROM again"};
const Query kMirror{"forward_mirror", "SELECT legacy_mirror_waiting($1::integer)"};
const Query kHasMirror{"forward_has_mirror",
                       "SELECT to_regproc('legacy_mirror_waiting') IS NOT NULL AND EXISTS (SELECT FROM legacy_failed)"};

// With the events, in their transaction.
const Prepared kDone{"forward_done", R"sql(
WITH gone AS (DELETE FROM legacy_outbox WHERE seq = ANY ($1) RETURNING noted_at)
UPDATE legacy_link SET forwarded_at = greatest(forwarded_at, (SELECT max(noted_at) FROM gone))
)sql"};

// An id that a row does not have is for the validation to refuse, not to be made up.
class NoIds : public domain::IdMaker {
 public:
  Uuid Make() override { return {}; }
};

}  // namespace

struct Forwarder::Row {
  std::int64_t seq = 0;
  ImportedEvent event;
};

absl::StatusOr<bool> Forwarder::TakeTurn() {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (turn_generation_ == session_.generation()) return true;
  auto taken = session_.Run(kTakeTurn, {std::to_string(kLegacyLockClass), std::to_string(kForwarderLock)});
  if (!taken.ok()) return taken.status();
  if (!(*taken)[0][0].as<bool>()) return false;
  turn_generation_ = session_.generation();
  return true;
}

absl::StatusOr<ForwardStep> Forwarder::Step(int batch, bool settled_only) {
  ForwardStep step;
  auto rows = ReadRows(batch, settled_only);
  if (!rows.ok()) return rows.status();
  step.more = static_cast<int>(rows->size()) == batch;
  std::vector<Row> good;
  for (Row& row : *rows) {
    if (row.event.event.id == Uuid{}) {
      ++step.refused;
    } else {
      good.push_back(std::move(row));
    }
  }
  std::ranges::stable_sort(good, {}, [](const Row& row) { return row.event.timestamp; });
  if (!good.empty()) {
    if (absl::Status imported = Import(std::move(good), step); !imported.ok()) return imported;
  }
  // The caller may hold the legacy table, then.
  if (!settled_only) return step;
  auto waiting = session_.Run(kHasMirror, {});
  if (!waiting.ok()) return waiting.status();
  if ((*waiting)[0][0].as<bool>()) {
    auto mirrored = session_.Run(kMirror, {std::to_string(batch)});
    if (!mirrored.ok()) return mirrored.status();
    step.mirrored = (*mirrored)[0][0].as<int>();
  }
  return step;
}

// Rows that break a rule are refused here; their event has the id 0.
absl::StatusOr<std::vector<Forwarder::Row>> Forwarder::ReadRows(int batch, bool settled_only) {
  auto rows = session_.Run(kRead, {std::to_string(batch), settled_only ? "true" : "false"});
  if (!rows.ok()) return rows.status();
  std::vector<Row> read;
  NoIds ids;
  for (const auto& row : *rows) {
    Row one;
    one.seq = row[0].as<std::int64_t>();
    std::string why;
    if (row[1].is_null() || row[2].is_null()) why = row[1].is_null() ? "the row has no id" : "the row has no time";
    const std::string own_id = why.empty() ? row[1].c_str() : "";
    if (why.empty() && own_id == Uuid{}.ToString()) why = "the id is all zeros";
    if (why.empty()) {
      domain::RawAppend append{row[7].c_str(), row[8].c_str(), {domain::RawCheck::Kind::kAny, 0, true}, {}};
      append.events.push_back(
          {own_id, row[3].c_str(), row[5].c_str(), row[4].c_str(), row[9].c_str(), "", row[6].c_str(), "migration"});
      domain::RawBatch raw;
      raw.appends.push_back(std::move(append));
      auto parsed = domain::ParseBatch(std::move(raw), true, ids);
      if (parsed.ok()) {
        domain::Append& valid = parsed->appends.front();
        one.event = {valid.aggregate_id, valid.aggregate_type, row[2].as<domain::TimeMicros>(),
                     std::move(valid.events.front())};
      } else {
        const domain::Error error = domain::FromStatus(parsed.status());
        why = error.message;
        for (const auto& violation : error.violations) {
          why += "; " + violation.field + " " + violation.description;
        }
      }
    }
    if (!why.empty()) {
      if (absl::Status refused = Refuse(one, why); !refused.ok()) return refused;
    }
    read.push_back(std::move(one));
  }
  return read;
}

absl::Status Forwarder::Import(std::vector<Row> rows, ForwardStep& step) {
  std::vector<ImportedEvent> events;
  events.reserve(rows.size());
  for (Row& row : rows) events.push_back(row.event);
  const auto taken = [](Kind kind) { return kind == Kind::kWritten || kind == Kind::kAlreadyThere; };
  auto result = importer_.WriteNoting(events, [&](const ImportResult& found) {
    BinaryArray done(PgType::kInt8);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (taken(found.verdicts[i].kind)) done.AddInt8(rows[i].seq);
    }
    std::vector<ImportNote> notes;
    notes.push_back({kDone, Parameters().Add(std::move(done))});
    return notes;
  });
  // Rows of too many different days: half of them at a time.
  if (domain::FromStatus(result.status()).reason == domain::Reason::kLimitExceeded && rows.size() > 1) {
    const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
    std::vector<Row> rest(std::make_move_iterator(middle), std::make_move_iterator(rows.end()));
    rows.erase(middle, rows.end());
    if (absl::Status first = Import(std::move(rows), step); !first.ok()) return first;
    return Import(std::move(rest), step);
  }
  if (!result.ok()) return result.status();
  step.already_there += result->already_there;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& verdict = result->verdicts[i];
    if (taken(verdict.kind)) {
      ++step.taken;
      continue;
    }
    ++step.refused;
    const std::string why = verdict.kind == Kind::kIdTaken
                                ? "its id is that of another event, of aggregate " + verdict.other_aggregate.ToString()
                                : "its aggregate has no versions left";
    if (absl::Status refused = Refuse(rows[i], why); !refused.ok()) return refused;
  }
  return absl::OkStatus();
}

absl::Status Forwarder::Refuse(const Row& row, const std::string& why) {
  return session_.Run(kRefuse, {std::to_string(row.seq), why}).status();
}

absl::StatusOr<std::int64_t> Forwarder::RetryRefused() {
  auto rows = session_.Run(kRetry, {});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

}  // namespace eventstore::storage
