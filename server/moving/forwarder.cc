#include "server/moving/forwarder.h"

#include <algorithm>
#include <utility>

#include "server/domain/error.h"
#include "server/moving/legacy_locks.h"
#include "server/storage/sql_errors.h"

namespace eventstore::moving {
namespace {

using storage::BinaryArray;
using storage::ImportNote;
using storage::ImportResult;
using storage::Parameters;
using storage::PgType;
using storage::Prepared;
using storage::Query;
using storage::SqlStateOf;

using domain::ImportedEvent;
using Kind = domain::ImportVerdict::Kind;

const Query kTakeTurn{"forward_turn", "SELECT pg_try_advisory_lock($1::integer, $2::integer)"};

// A row whose transaction is not below xmax, and yet is seen, is of another cluster: the database was restored.
const Query kRead{"forward_read", R"sql(
SELECT o.seq, o.payload ->> l.id_column,
       CASE WHEN isfinite(t.at) THEN (extract(epoch FROM t.at) * 1000000)::bigint END, o.payload::text
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

// Data exceptions, violated constraints and limits: another row may pass.
bool IsOfARow(const absl::Status& status) {
  const std::string state = SqlStateOf(status);
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("54");
}

}  // namespace

struct Forwarder::Row {
  std::int64_t seq = 0;
  ImportedEvent event;
};

struct Forwarder::Waiting {
  int read = 0;
  std::vector<Row> good;
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
  auto waiting = ReadRows(batch, settled_only);
  if (!waiting.ok()) return waiting.status();
  std::vector<Row>& good = waiting->good;
  step.more = waiting->read == batch;
  step.refused = waiting->read - static_cast<int>(good.size());
  std::ranges::stable_sort(good, {}, [](const Row& row) { return row.event.timestamp; });
  if (!good.empty()) {
    if (absl::Status imported = Import(std::move(good), step); !imported.ok()) return imported;
  }
  // The caller may hold the legacy table, then.
  if (!settled_only) return step;
  auto failed = session_.Run(kHasMirror, {});
  if (!failed.ok()) return failed.status();
  if ((*failed)[0][0].as<bool>()) {
    auto mirrored = session_.Run(kMirror, {std::to_string(batch)});
    if (!mirrored.ok()) return mirrored.status();
    step.mirrored = (*mirrored)[0][0].as<int>();
  }
  return step;
}

// Rows that are no events are refused here.
absl::StatusOr<Forwarder::Waiting> Forwarder::ReadRows(int batch, bool settled_only) {
  auto rows = session_.Run(kRead, {std::to_string(batch), settled_only ? "true" : "false"});
  if (!rows.ok()) return rows.status();
  Waiting waiting;
  waiting.read = static_cast<int>(rows->size());
  if (rows->empty()) return waiting;
  auto link = RequireLink(session_);
  if (!link.ok()) return link.status();
  auto rule = rule_(*link);
  if (!rule.ok()) return rule.status();
  const auto number = (*rows)[0][0].as<std::int64_t>();
  for (const auto& row : *rows) {
    const auto seq = row[0].as<std::int64_t>();
    LegacyRow read{{}, {}, row[3].c_str(), number};
    if (!row[1].is_null()) read.id = row[1].c_str();
    if (!row[2].is_null()) read.time = row[2].as<domain::TimeMicros>();
    RowEvent made = (*rule)(read);
    if (made.event) {
      waiting.good.push_back({seq, *std::move(made.event)});
    } else if (absl::Status refused = Refuse(seq, made.reason); !refused.ok()) {
      return refused;
    }
  }
  return waiting;
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
  // Too many different days, or a row that PostgreSQL does not take: half of them at a time, until the culprit is alone.
  const bool of_a_row = IsOfARow(result.status());
  if (rows.size() > 1 && (of_a_row || domain::FromStatus(result.status()).reason == domain::Reason::kLimitExceeded)) {
    const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
    std::vector<Row> rest(std::make_move_iterator(middle), std::make_move_iterator(rows.end()));
    rows.erase(middle, rows.end());
    if (absl::Status first = Import(std::move(rows), step); !first.ok()) return first;
    return Import(std::move(rest), step);
  }
  if (of_a_row) {
    ++step.refused;
    return Refuse(rows.front().seq, std::string(result.status().message()));
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
    if (absl::Status refused = Refuse(rows[i].seq, why); !refused.ok()) return refused;
  }
  return absl::OkStatus();
}

absl::Status Forwarder::Refuse(std::int64_t seq, const std::string& why) {
  return session_.Run(kRefuse, {std::to_string(seq), why}).status();
}

absl::StatusOr<std::int64_t> Forwarder::RetryRefused() {
  auto rows = session_.Run(kRetry, {});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

}  // namespace eventstore::moving
