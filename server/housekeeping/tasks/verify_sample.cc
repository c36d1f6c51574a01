#include "server/housekeeping/tasks/verify_sample.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/cursor_aggregate.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/sql_errors.h"
#include "server/storage/verifier.h"

namespace eventstore::housekeeping {
namespace {

constexpr int kAggregates = 100;
constexpr domain::Version kEventsEach = 1'000;
constexpr std::chrono::seconds kTimeForAggregates{60};
constexpr std::chrono::milliseconds kStatement{120'000};

// By pages: 40 of them hold some hundreds of heads, wherever they lie.
constexpr storage::Query kDraw{"verify_draw", R"sql(
SELECT aggregate_id, version
FROM aggregate_heads TABLESAMPLE SYSTEM (
    (SELECT least(100, 100.0 * 40 / greatest(1, pg_relation_size('aggregate_heads') / 8192))))
ORDER BY random()
LIMIT $1::integer
)sql"};

absl::Status Violated(const std::string& what) {
  return domain::ErrorOf(
      domain::Reason::kInternal,
      fmt::format("the store does not keep its promises: {}; run `eventctl verify` to see all", what));
}

// What is wrong with two neighbours; "": nothing.
std::string Compare(const domain::RecordedEvent& before, const domain::RecordedEvent& event) {
  if (event.version != before.version + 1) return fmt::format("version {} follows {}", event.version, before.version);
  if (event.timestamp < before.timestamp) return fmt::format("the time runs back at version {}", event.version);
  if (event.global_position <= before.global_position) {
    return fmt::format("the position does not grow at version {}", event.version);
  }
  return "";
}

absl::StatusOr<std::int64_t> CheckAggregate(storage::Session& session, storage::ChunkCatalog& chunks,
                                            const domain::Uuid& id, domain::Version version) {
  domain::AggregateQuery query;
  query.aggregate_id = id;
  query.from_version = std::max(1, version - kEventsEach + 1);
  storage::AggregateCursor cursor(query, chunks);
  std::optional<domain::RecordedEvent> last;
  std::int64_t events = 0;
  for (bool end = false; !end;) {
    auto page = storage::NextPage(cursor, session, chunks);
    if (!page.ok()) return page.status();
    for (auto& event : page->events) {
      const std::string wrong = last ? Compare(*last, event) : "";
      if (!wrong.empty()) return Violated(fmt::format("aggregate {}: {}", id.ToString(), wrong));
      last = std::move(event);
      ++events;
    }
    end = page->last || events > kEventsEach;  // it grows while it is read
  }
  // One whose events were all dropped has a head alone.
  if (last && events <= kEventsEach && last->version != cursor.current_version()) {
    return Violated(fmt::format("aggregate {}: the head says version {}, the last event is {}", id.ToString(),
                                cursor.current_version(), last->version));
  }
  return events;
}

}  // namespace

absl::Status VerifySample::CheckNewestChunk(TaskContext& context, TaskReport& report) const {
  auto now = storage::DatabaseNow(context.session);
  if (!now.ok()) return now.status();
  storage::ChunkCatalog catalog;
  auto chunks = catalog.All(context.session);
  if (!chunks.ok()) return chunks.status();
  storage::VerifyOptions options;
  for (const auto& chunk : **chunks) {
    if (chunk.range.from <= *now) options.since = chunk.range.from;
  }
  if (!options.since) return absl::OkStatus();
  options.statement_timeout = kStatement;
  options.working = context.beside;
  auto found = storage::Verifier(conninfo_).Run(options, [&](const storage::VerifyProgress& at) {
    context.progress({fmt::format("newest chunk: {}", at.step), at.events, 0});
  });
  if (context.beside) context.beside(0);
  if (!found.ok()) {
    if (storage::SqlStateOf(found.status()) != "57014" || context.stop()) return found.status();
    report.counts["chunks_too_large"] = 1;
    return absl::OkStatus();
  }
  report.counts["chunk_events"] = found->events;
  if (found->clean()) return absl::OkStatus();
  const auto& first = found->violations.front();
  return Violated(fmt::format("{} violations in the newest chunk, first {} of aggregate {} ({})",
                              found->violations.size(), first.rule, first.aggregate_id, first.detail));
}

absl::StatusOr<TaskReport> VerifySample::Run(TaskContext& context) {
  TaskReport report;
  if (absl::Status checked = CheckNewestChunk(context, report); !checked.ok()) return checked;
  auto drawn = context.session.Run(kDraw, {fmt::format("{}", kAggregates)});
  if (!drawn.ok()) return drawn.status();
  storage::ChunkCatalog catalog;
  const auto until = context.clock.Monotonic() + kTimeForAggregates;
  std::int64_t& aggregates = report.counts["aggregates"];
  std::int64_t& events = report.counts["aggregate_events"];
  for (const auto& row : *drawn) {
    if (context.stop() || context.clock.Monotonic() >= until) break;
    context.progress({"aggregates drawn by lot", aggregates, static_cast<std::int64_t>(drawn->size())});
    const auto id = domain::Uuid::Parse(row[0].c_str());
    auto checked = CheckAggregate(context.session, catalog, id.value_or(domain::Uuid{}), row[1].as<int>());
    if (!checked.ok()) return checked.status();
    ++aggregates;
    events += *checked;
  }
  report.summary = fmt::format(
      "{} events of the newest chunk and {} of {} aggregates are as they should be{}", report.counts["chunk_events"],
      events, aggregates,
      report.counts.contains("chunks_too_large") ? " (the newest chunk was too large to be checked in time)" : "");
  return report;
}

}  // namespace eventstore::housekeeping
