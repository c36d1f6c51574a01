#include "server/storage/group_needs.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/bucket.h"
#include "server/domain/limits.h"
#include "server/storage/group_store.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::Position;

constexpr Query kParked{"needs_parked", R"sql(
SELECT DISTINCT group_name FROM consumer_group_parked
WHERE event_time >= $1::timestamptz AND event_time < $2::timestamptz
)sql"};

constexpr int kRows = 10'000;

// Page by page, up to the first event that it needs.
absl::StatusOr<bool> Needs(Session& session, const domain::Group& group, const std::string& table) {
  Position after = *std::ranges::min_element(group.places);
  for (;;) {
    Where where(1);
    where.AndFilter(group.settings.filter);
    where.And("global_position > {}::bigint", fmt::format("{}", after));
    pq::Args args = {fmt::format("{}", kRows)};
    args.insert(args.end(), where.args().begin(), where.args().end());
    auto rows = session.RunText(fmt::format("SELECT aggregate_id, global_position FROM {} WHERE {} "
                                            "ORDER BY global_position LIMIT $1::integer",
                                            table, where.text()),
                                args);
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) {
      after = row[1].as<Position>();
      const auto bucket = static_cast<std::size_t>(domain::BucketOf(UuidOf(row[0]), group.buckets));
      if (bucket < group.places.size() && after > group.places[bucket]) return true;
    }
    if (static_cast<int>(rows->size()) < kRows) return false;
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> GroupsThatNeed(Session& session, const Chunk& chunk) {
  std::vector<std::string> names;
  auto parked = session.Run(kParked, {TimestampText(chunk.range.from), TimestampText(chunk.range.to)});
  if (!parked.ok()) return parked.status();
  for (const auto& row : *parked) names.emplace_back(row[0].c_str());
  domain::GroupList list;
  list.page_size = domain::kMaxListed;
  for (bool more = true; more;) {
    auto groups = ListGroups(session, list);
    if (!groups.ok()) return groups.status();
    more = static_cast<int>(groups->size()) > list.page_size;
    for (const domain::Group& group : *groups) {
      list.after = group.name;
      if (group.places.empty() || std::ranges::find(names, group.name) != names.end()) continue;
      if (chunk.closed && *std::ranges::min_element(group.places) >= chunk.closed->greatest) continue;
      auto needs = Needs(session, group, chunk.table);
      if (!needs.ok()) return needs.status();
      if (*needs) names.push_back(group.name);
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace eventstore::storage
