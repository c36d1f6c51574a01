#include "tools/eventctl/backup/facts.h"

namespace eventstore::eventctl {
namespace {

constexpr storage::Query kStore{"facts_store", R"sql(
SELECT engine, store_id::text, (SELECT max(number) FROM schema_migrations) FROM store_identity
)sql"};

// Over all chunks in one statement: the copy is nobody else's, and has locks enough.
constexpr storage::Query kNewest{"facts_newest", R"sql(
SELECT global_position, to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM events_v2 ORDER BY global_position DESC LIMIT 1
)sql"};

constexpr storage::Query kGroups{"facts_groups", R"sql(
SELECT b.group_name, count(*), min(b.position), max(b.position),
       (SELECT count(*) FROM consumer_group_parked p WHERE p.group_name = b.group_name)
FROM consumer_group_buckets b GROUP BY b.group_name ORDER BY b.group_name
)sql"};

constexpr storage::Query kArchived{"facts_archived", R"sql(
SELECT file FROM archived_chunks WHERE gone AND file IS NOT NULL ORDER BY range_start, file
)sql"};

}  // namespace

absl::StatusOr<StoreFacts> ReadFacts(storage::Session& session) {
  StoreFacts facts;
  auto store = session.Run(kStore, {});
  if (!store.ok()) return store.status();
  if (store->empty()) return absl::DataLossError("table store_identity is empty");
  facts.engine = (*store)[0][0].c_str();
  facts.store_id = (*store)[0][1].c_str();
  facts.migration = (*store)[0][2].as<int>();
  auto newest = session.Run(kNewest, {});
  if (!newest.ok()) return newest.status();
  for (const auto& row : *newest) {
    facts.newest_position = row[0].as<std::int64_t>();
    facts.newest_time = row[1].c_str();
  }
  auto groups = session.Run(kGroups, {});
  if (!groups.ok()) return groups.status();
  for (const auto& row : *groups) {
    facts.groups.push_back({row[0].c_str(), row[1].as<int>(), row[2].as<std::int64_t>(), row[3].as<std::int64_t>(),
                            row[4].as<std::int64_t>()});
  }
  auto archived = session.Run(kArchived, {});
  if (!archived.ok()) return archived.status();
  for (const auto& row : *archived) facts.archive_files.emplace_back(row[0].c_str());
  return facts;
}

}  // namespace eventstore::eventctl
