#include "server/storage/count_reader.h"

#include <algorithm>
#include <map>
#include <string>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/cursor.h"
#include "server/storage/head_reader.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::GroupBy;

// SQL for the key of a group; the session's time zone is UTC.
const char* KeyOf(GroupBy group_by) {
  switch (group_by) {
    case GroupBy::kNone:
      return "''";
    case GroupBy::kDay:
      return "to_char(timestamp, 'YYYY-MM-DD')";
    case GroupBy::kHour:
      return "to_char(timestamp, 'YYYY-MM-DD\"T\"HH24\":00Z\"')";
    case GroupBy::kEventType:
      return "event_type";
    case GroupBy::kAggregateType:
      return "aggregate_type";
    case GroupBy::kUser:
      return "coalesce(user_id, '')";
    case GroupBy::kSource:
      return "source";
  }
  return "''";
}

absl::Status TooManyGroups() {
  domain::Error error;
  error.reason = domain::Reason::kLimitExceeded;
  error.message =
      fmt::format("the count has more than {} groups; narrow the time range or the filter", domain::kMaxGroups);
  error.metadata = {{"limit", "groups"}, {"max", fmt::format("{}", domain::kMaxGroups)}};
  error.violations = {{"group_by", fmt::format("gives more than {} groups", domain::kMaxGroups)}};
  return domain::ToStatus(error);
}

Where Conditions(const domain::CountQuery& query) {
  Where where(0);
  where.AndWithin(query.range);
  where.AndFilter(query.filter);
  if (query.aggregate_id) where.And("aggregate_id = {}::uuid", query.aggregate_id->ToString());
  if (query.correlation_id) where.And("correlation_id = {}::uuid", query.correlation_id->ToString());
  return where;
}

absl::StatusOr<domain::CountResult> Count(Session& session, ChunkCatalog& catalog, const domain::CountQuery& query) {
  domain::TimeRange range = query.range;
  if (query.aggregate_id) {
    auto head = ReadHead(session, *query.aggregate_id);
    if (!head.ok()) return head.status();
    if (head->version == 0) return domain::CountResult{};
    range.from = std::max(range.from, head->first_timestamp);
    range.to = std::min(range.to, head->last_timestamp + 1);
  }
  auto chunks = catalog.Within(session, range);
  if (!chunks.ok()) return chunks.status();
  const Where where = Conditions(query);
  std::map<std::string, std::int64_t> groups;
  domain::CountResult result;
  for (const Chunk& chunk : *chunks) {
    // One group more than allowed tells that there are too many, without reading them all.
    auto rows = session.RunText(fmt::format("SELECT {} AS key, count(*) FROM {} WHERE {} GROUP BY 1 LIMIT {}",
                                            KeyOf(query.group_by), chunk.table, where.text(), domain::kMaxGroups + 1),
                                where.args());
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) {
      const auto count = row[1].as<std::int64_t>();
      result.count += count;
      if (query.group_by != GroupBy::kNone) groups[row[0].c_str()] += count;
    }
    if (groups.size() > domain::kMaxGroups) return TooManyGroups();
  }
  result.groups.assign(groups.begin(), groups.end());
  return result;
}

}  // namespace

absl::StatusOr<domain::CountResult> CountEvents(Session& session, ChunkCatalog& catalog,
                                                const domain::CountQuery& query) {
  return ReadWithRetries(catalog, [&] { return Count(session, catalog, query); });
}

}  // namespace eventstore::storage
