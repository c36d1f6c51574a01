#include "server/storage/group_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/cursor.h"
#include "server/storage/group_rows.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"
#include "server/storage/subscription_start.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

using domain::Group;

// $1 names the groups. Settings as GroupSettingsFrom reads them.
constexpr Query kSelect{"groups_select", R"sql(
SELECT name, buckets, (extract(epoch FROM created_at) * 1000000)::bigint,
       (extract(epoch FROM updated_at) * 1000000)::bigint,
       (SELECT count(*) FROM consumer_group_parked p WHERE p.group_name = g.name),
       ack_timeout_ms, max_deliveries, retry_pause_ms, event_types, event_type_prefixes, aggregate_types, user_ids,
       sources, correlation_ids, metadata_keys, metadata_values
FROM consumer_groups g WHERE name = ANY ($1::text[]) ORDER BY name
)sql"};

constexpr Query kNames{"groups_names", R"sql(
SELECT name FROM consumer_groups WHERE name > $2::text AND name ^@ $1::text ORDER BY name LIMIT $3::integer
)sql"};

constexpr Query kBuckets{"groups_buckets", R"sql(
SELECT group_name, position, owner FROM consumer_group_buckets WHERE group_name = ANY ($1::text[])
ORDER BY group_name, bucket
)sql"};

// Those that the other servers do not count any more are left out.
constexpr Query kMembers{"groups_members", R"sql(
SELECT group_name, member_id, consumer_name, instance, (extract(epoch FROM joined_at) * 1000000)::bigint
FROM consumer_group_members
WHERE group_name = ANY ($1::text[]) AND seen_at > clock_timestamp() - interval '10 seconds'
ORDER BY group_name, joined_at, member_id
)sql"};

constexpr Query kInsert{"groups_insert", R"sql(
INSERT INTO consumer_groups (name, buckets, ack_timeout_ms, max_deliveries, retry_pause_ms, event_types,
                             event_type_prefixes, aggregate_types, user_ids, sources, correlation_ids, metadata_keys,
                             metadata_values)
VALUES ($1, $2::integer, $3::integer, $4::integer, $5::integer, $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::uuid[], $12::text[], $13::text[])
ON CONFLICT (name) DO NOTHING
)sql"};

constexpr Query kInsertBuckets{"groups_insert_buckets", R"sql(
INSERT INTO consumer_group_buckets (group_name, bucket, position)
SELECT $1, bucket, $3::bigint FROM generate_series(0, $2::integer - 1) AS s(bucket)
)sql"};

constexpr Query kUpdate{"groups_update", R"sql(
UPDATE consumer_groups
SET updated_at = clock_timestamp(), ack_timeout_ms = $2::integer, max_deliveries = $3::integer,
    retry_pause_ms = $4::integer, event_types = $5::text[], event_type_prefixes = $6::text[],
    aggregate_types = $7::text[], user_ids = $8::text[], sources = $9::text[], correlation_ids = $10::uuid[],
    metadata_keys = $11::text[], metadata_values = $12::text[]
WHERE name = $1
)sql"};

constexpr Query kDelete{"groups_delete", "DELETE FROM consumer_groups WHERE name = $1"};

constexpr Query kRegenerate{"groups_regenerate", R"sql(
UPDATE consumer_groups SET generation = DEFAULT, updated_at = clock_timestamp() WHERE name = $1
)sql"};

constexpr Query kPlaceBuckets{"groups_place_buckets", R"sql(
UPDATE consumer_group_buckets SET position = $2::bigint, owner = NULL, wanted = NULL WHERE group_name = $1
)sql"};

constexpr Query kForgetAttempts{"groups_forget_attempts", "DELETE FROM consumer_group_attempts WHERE group_name = $1"};

absl::StatusOr<std::vector<Group>> Select(Session& session, const std::vector<std::string>& names) {
  const std::string list = TextArray(names);
  auto rows = session.Run(kSelect, {list});
  if (!rows.ok()) return rows.status();
  std::vector<Group> groups;
  std::map<std::string, std::size_t> place;
  for (const auto& row : *rows) {
    Group group;
    group.name = row[0].c_str();
    group.buckets = row[1].as<int>();
    group.created_at = row[2].as<std::int64_t>();
    group.updated_at = row[3].as<std::int64_t>();
    group.parked = row[4].as<std::int64_t>();
    group.settings = GroupSettingsFrom(row, 5);
    place[group.name] = groups.size();
    groups.push_back(std::move(group));
  }
  // Between two statements a group may come or go; what does not belong to one of these is left out.
  auto members = session.Run(kMembers, {list});
  if (!members.ok()) return members.status();
  for (const auto& row : *members) {
    const auto group = place.find(row[0].c_str());
    if (group == place.end()) continue;
    groups[group->second].members.push_back(
        {UuidOf(row[1]), row[2].c_str(), row[3].c_str(), 0, row[4].as<std::int64_t>()});
  }
  auto buckets = session.Run(kBuckets, {list});
  if (!buckets.ok()) return buckets.status();
  for (const auto& row : *buckets) {
    const auto found = place.find(row[0].c_str());
    if (found == place.end()) continue;
    Group& group = groups[found->second];
    group.places.push_back(row[1].as<domain::Position>());
    const auto owner = MaybeUuidOf(row[2]);
    const auto member = std::ranges::find_if(group.members, [&](const auto& one) { return one.id == owner; });
    if (member != group.members.end()) ++member->buckets;
  }
  return groups;
}

// The position that places begin with: of an event, or below every event that can still come.
absl::StatusOr<domain::Position> Begin(Session& session, ChunkCatalog& chunks, const domain::SubscriptionStart& start) {
  return ReadWithRetries(chunks, [&]() -> absl::StatusOr<domain::Position> {
    auto begin = FindStart(session, chunks, start);
    if (!begin.ok() || start.kind != domain::SubscriptionStart::Kind::kPosition) return begin;
    auto settled = ReadSettled(session, chunks);
    if (!settled.ok()) return settled.status();
    return std::min(*begin, settled->last);
  });
}

}  // namespace

absl::StatusOr<Group> GetGroup(Session& session, const std::string& name) {
  auto groups = Select(session, {name});
  if (!groups.ok()) return groups.status();
  if (groups->empty()) return GroupNotFound(name);
  return std::move(groups->front());
}

absl::StatusOr<std::vector<Group>> ListGroups(Session& session, const domain::GroupList& list) {
  auto rows = session.Run(kNames, {list.prefix, list.after, fmt::format("{}", list.page_size + 1)});
  if (!rows.ok()) return rows.status();
  std::vector<std::string> names;
  for (const auto& row : *rows) names.emplace_back(row[0].c_str());
  return Select(session, names);
}

absl::StatusOr<Group> CreateGroup(Session& session, ChunkCatalog& chunks, const domain::NewGroup& group) {
  auto begin = Begin(session, chunks, group.start);
  if (!begin.ok()) return begin.status();
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  const std::string buckets = fmt::format("{}", group.buckets);
  pq::Args args = {group.name, buckets};
  AddSettings(group.settings, args);
  auto inserted = session.Run(kInsert, args);
  if (!inserted.ok()) return inserted.status();
  if (inserted->affected_rows() > 0) {
    auto filled = session.Run(kInsertBuckets, {group.name, buckets, fmt::format("{}", *begin)});
    if (!filled.ok()) return filled.status();
  }
  auto stored = GetGroup(session, group.name);
  if (!stored.ok()) return stored.status();
  if (stored->buckets != group.buckets || stored->settings != group.settings) {
    domain::Error error;
    error.reason = domain::Reason::kGroupExists;
    error.message = fmt::format(
        "consumer group {} exists with other settings or another number of buckets; choose another name, or update or "
        "delete that one",
        group.name);
    error.metadata = {{"group", group.name}};
    return domain::ToStatus(error);
  }
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return stored;
}

absl::StatusOr<Group> UpdateGroup(Session& session, const domain::GroupUpdate& update) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  pq::Args args = {update.name};
  AddSettings(update.settings, args);
  auto updated = session.Run(kUpdate, args);
  if (!updated.ok()) return updated.status();
  auto stored = GetGroup(session, update.name);
  if (!stored.ok()) return stored.status();
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return stored;
}

absl::Status DeleteGroup(Session& session, const std::string& name) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto deleted = session.Run(kDelete, {name});
  if (!deleted.ok()) return deleted.status();
  if (deleted->affected_rows() == 0) return GroupNotFound(name);
  return transaction.Commit();
}

absl::StatusOr<Group> ResetGroup(Session& session, ChunkCatalog& chunks, const domain::GroupReset& reset) {
  auto begin = Begin(session, chunks, reset.start);
  if (!begin.ok()) return begin.status();
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  if (auto done = session.Run(kRegenerate, {reset.name}); !done.ok()) return done.status();
  if (auto done = session.Run(kPlaceBuckets, {reset.name, fmt::format("{}", *begin)}); !done.ok()) return done.status();
  if (auto done = session.Run(kForgetAttempts, {reset.name}); !done.ok()) return done.status();
  auto stored = GetGroup(session, reset.name);
  if (!stored.ok()) return stored.status();
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return stored;
}

}  // namespace eventstore::storage
