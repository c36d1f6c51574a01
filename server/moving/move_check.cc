#include "server/moving/move_check.h"

#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/moving/legacy_link.h"
#include "server/storage/held_snapshot.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"

namespace eventstore::moving {
namespace {

using storage::Chunk;
using storage::HeldSnapshot;
using storage::ParseTextArray;
using storage::Query;
using storage::Session;
using storage::SqlStateOf;

using Result = absl::StatusOr<pqxx::result>;

constexpr char kTables[] = R"sql(
SET statement_timeout = 0;
SET work_mem = '64MB';
CREATE TEMPORARY TABLE check_rows (id uuid, digest bigint);
CREATE TEMPORARY TABLE check_events (id uuid, digest bigint, expected boolean);
CREATE TEMPORARY TABLE check_waiting (id uuid);
)sql";

const Query kTexts{"check_texts", "SELECT legacy_rows, store_events FROM legacy_check_text()"};
const Query kWaiting{"check_waiting", R"sql(
INSERT INTO check_waiting
SELECT (o.payload ->> l.id_column)::uuid FROM legacy_outbox o, legacy_link l UNION ALL SELECT event_id FROM legacy_failed
)sql"};

// Counted and shown by one statement. An id that one side has twice pairs with nothing twice, so it shows as well.
const Query kCompare{"check_compare", R"sql(
WITH differences AS (
    SELECT CASE WHEN e.id IS NULL THEN 'missing_in_store' WHEN r.id IS NULL THEN 'missing_in_legacy' ELSE 'different' END AS kind,
           coalesce(r.id, e.id) AS id
    FROM check_rows r FULL JOIN check_events e ON e.id = r.id
    WHERE CASE WHEN r.id IS NULL THEN e.expected ELSE r.digest IS DISTINCT FROM e.digest END
      AND NOT EXISTS (SELECT FROM check_waiting w WHERE w.id = coalesce(r.id, e.id))
)
SELECT kind, count(*), (array_agg(id ORDER BY id))[1:$1::integer]::text[] FROM differences GROUP BY kind ORDER BY kind
)sql"};
const Query kTotals{"check_totals", R"sql(
SELECT (SELECT count(*) FROM check_rows), (SELECT count(*) FROM check_events WHERE expected), (SELECT count(*) FROM check_waiting)
)sql"};

class Comparison {
 public:
  explicit Comparison(const std::string& conninfo)
      : snapshot_(conninfo, "check snapshot"), worker_(conninfo, "check") {}

  absl::StatusOr<MoveComparison> Run() {
    if (auto link = RequireLink(worker_); !link.ok()) return link.status();
    if (absl::Status taken = snapshot_.Take(); !taken.ok()) return taken;
    if (auto made = worker_.RunScript(kTables); !made.ok()) return made.status();
    Result texts = InSnapshot([&] { return worker_.Run(kTexts, {}); });
    if (!texts.ok()) return texts.status();
    const std::string rows = (*texts)[0][0].c_str();
    events_text_ = (*texts)[0][1].c_str();
    Result read = InSnapshot([&] { return worker_.RunText("INSERT INTO check_rows " + rows, {}); });
    if (read.ok()) read = InSnapshot([&] { return worker_.Run(kWaiting, {}); });
    if (!read.ok()) return read.status();
    if (absl::Status chunks = ReadChunks(); !chunks.ok()) return chunks;
    return Compare();
  }

 private:
  template <typename F>
  Result InSnapshot(F&& statement) {
    return snapshot_.Run(worker_, statement);
  }

  absl::Status ReadChunks() {
    auto chunks = snapshot_.Chunks(worker_);
    if (!chunks.ok()) return chunks.status();
    for (const Chunk& chunk : *chunks) {
      std::string text = events_text_;
      text.replace(text.find("{}"), 2, chunk.table);
      Result read = InSnapshot([&] { return worker_.RunText("INSERT INTO check_events " + text, {}); });
      constexpr char kUndefinedTable[] = "42P01";  // retention was faster
      if (!read.ok() && SqlStateOf(read.status()) != kUndefinedTable) return read.status();
    }
    return worker_.RunScript("ANALYZE check_rows; ANALYZE check_events").status();
  }

  absl::StatusOr<MoveComparison> Compare() {
    MoveComparison found;
    Result totals = worker_.Run(kTotals, {});
    if (!totals.ok()) return totals.status();
    found.legacy_rows = (*totals)[0][0].as<std::int64_t>();
    found.store_events = (*totals)[0][1].as<std::int64_t>();
    found.waiting = (*totals)[0][2].as<std::int64_t>();
    Result rows = worker_.Run(kCompare, {std::to_string(MoveComparison::kExamples)});
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) {
      const std::string kind = row[0].c_str();
      const auto count = row[1].as<std::int64_t>();
      (kind == "different"          ? found.different
       : kind == "missing_in_store" ? found.missing_in_store
                                    : found.missing_in_legacy) = count;
      for (std::string& id : ParseTextArray(row[2].c_str())) {
        if (found.examples.size() < MoveComparison::kExamples) found.examples.push_back({kind, std::move(id)});
      }
    }
    return found;
  }

  HeldSnapshot snapshot_;
  Session worker_;
  std::string events_text_;
};

}  // namespace

absl::StatusOr<MoveComparison> CompareWithLegacy(const std::string& conninfo) { return Comparison(conninfo).Run(); }

}  // namespace eventstore::moving
