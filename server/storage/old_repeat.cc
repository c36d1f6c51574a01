#include "server/storage/old_repeat.h"

#include <unordered_map>

#include "fmt/format.h"
#include "server/domain/decide.h"
#include "server/domain/error.h"
#include "server/storage/cursor_aggregate.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::NewEvent;
using domain::RecordedEvent;
using StoredById = std::unordered_map<domain::Uuid, RecordedEvent, domain::UuidHash>;

constexpr Query kSameJson{"old_repeat_same_json", R"sql(
SELECT coalesce(bool_and(a = b), true) FROM unnest($1::jsonb[], $2::jsonb[]) AS n(a, b)
)sql"};

absl::StatusOr<bool> SameContent(Session& session, const domain::Append& append, const NewEvent& event,
                                 const RecordedEvent& stored) {
  if (append.aggregate_type != stored.aggregate_type || event.event_type != stored.event_type ||
      event.user_id != stored.user_id || event.causation_id != stored.causation_id ||
      event.correlation_id != stored.correlation_id || event.source != stored.source) {
    return false;
  }
  auto rows =
      session.Run(kSameJson, {TextArray({event.data, event.metadata}), TextArray({stored.data, stored.metadata})});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<bool>();
}

absl::Status CollectStored(Session& session, ChunkCatalog& chunks, const domain::Append& append, StoredById& found) {
  domain::AggregateQuery query;
  query.aggregate_id = append.aggregate_id;
  query.from_version = append.check.expected + 1;
  query.to_version = append.check.expected + static_cast<domain::Version>(append.events.size());
  AggregateCursor cursor(query, chunks);
  for (bool last = false; !last;) {
    auto page = NextPage(cursor, session, chunks);
    if (!page.ok()) return page.status();
    for (RecordedEvent& event : page->events) {
      const domain::Uuid id = event.id;
      found.emplace(id, std::move(event));
    }
    last = page->last;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<domain::AppendBatchResult>> FindOldRepeat(Session& session, ChunkCatalog& chunks,
                                                                       const domain::AppendBatch& batch) {
  StoredById found;
  for (const domain::Append& append : batch.appends) {
    if (absl::Status read = CollectStored(session, chunks, append, found); !read.ok()) return read;
  }
  domain::StoredEvents stored;
  for (const domain::Append& append : batch.appends) {
    for (const NewEvent& event : append.events) {
      const auto match = found.find(event.id);
      if (match == found.end()) continue;
      const RecordedEvent& old = match->second;
      auto same = SameContent(session, append, event, old);
      if (!same.ok()) return same.status();
      stored[&event] = {old.aggregate_id, {old.id, old.version, old.timestamp, old.global_position}, *same};
    }
  }
  if (stored.empty()) return std::nullopt;
  const domain::AppendBatch* const request = &batch;
  domain::AppendPlan plan = domain::Decide(std::span(&request, 1), {}, stored, {});
  domain::Verdict& verdict = plan.verdicts.front();
  if (verdict.kind == domain::Verdict::Kind::kReplayed) return std::move(verdict.result);
  return domain::ToStatus(verdict.error);
}

}  // namespace eventstore::storage
