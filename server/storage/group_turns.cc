#include "server/storage/group_turns.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/position.h"
#include "server/storage/group_rows.h"
#include "server/storage/group_write_statements.h"
#include "server/storage/lost_positions.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

// A server that stops in the middle must not hold up the others.
constexpr char kPatience[] = "SET LOCAL idle_in_transaction_session_timeout = '5s'";

// Later statements see what was committed before the lock was had.
constexpr Query kLock{"turn_lock", R"sql(
SELECT generation, buckets, ack_timeout_ms, max_deliveries, retry_pause_ms, event_types, event_type_prefixes,
       aggregate_types, user_ids, sources, correlation_ids, metadata_keys, metadata_values
FROM consumer_groups WHERE name = $1 FOR NO KEY UPDATE
)sql"};

constexpr Query kBuckets{"turn_buckets", R"sql(
SELECT position, owner, wanted FROM consumer_group_buckets WHERE group_name = $1 ORDER BY bucket
)sql"};

// A time that is still to come was noted before the clock jumped back. It is made now, or a member that is gone would keep its
// buckets until the clock has caught up.
constexpr Query kMembers{"turn_members", R"sql(
WITH ahead AS (
  UPDATE consumer_group_members SET seen_at = clock_timestamp()
  WHERE group_name = $1 AND seen_at > clock_timestamp()
)
SELECT member_id, leaving, seen_at > clock_timestamp() - interval '10 seconds'
FROM consumer_group_members WHERE group_name = $1
)sql"};

constexpr Query kSeen{"turn_seen", R"sql(
INSERT INTO consumer_group_members (member_id, group_name, consumer_name, instance, leaving)
SELECT id, $1, name, $2, leaving FROM unnest($3::uuid[], $4::text[], $5::boolean[]) AS m (id, name, leaving)
ON CONFLICT (member_id) DO UPDATE SET seen_at = clock_timestamp(), leaving = excluded.leaving
)sql"};

constexpr Query kGone{"turn_gone", "DELETE FROM consumer_group_members WHERE member_id = ANY ($1::uuid[])"};

constexpr Query kFailures{"turn_failures", R"sql(
SELECT bucket, position, failures FROM consumer_group_attempts
WHERE group_name = $1 AND bucket = ANY ($2::integer[])
)sql"};

constexpr Query kReplays{"turn_replays", R"sql(
SELECT event_id, global_position, (extract(epoch FROM event_time) * 1000000)::bigint, aggregate_id, bucket,
       replay_attempts
FROM consumer_group_parked
WHERE group_name = $1 AND replaying AND bucket = ANY ($2::integer[]) AND NOT event_id = ANY ($3::uuid[])
ORDER BY global_position LIMIT $4::integer
)sql"};

constexpr Query kEnd{"turn_end", R"sql(
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, xid_offset FROM store_identity
)sql"};

// Everything that is stored has a transaction id below the snapshot's xmax. A place beyond that, or one that a restore took
// back, is of events that the database does not have any more; written, it would pass over those that get their positions
// next, or tell of events that nobody finds.
absl::Status CheckNotAhead(Session& session, const domain::GroupWrites& writes) {
  std::vector<domain::Position> positions;
  for (const auto& place : writes.places) positions.push_back(place.place);
  for (const auto& park : writes.parks) positions.push_back(park.event.position);
  if (positions.empty()) return absl::OkStatus();
  const domain::Position furthest = *std::ranges::max_element(positions);
  auto end = session.Run(kEnd, {});
  if (!end.ok()) return end.status();
  const auto xmax = (*end)[0][0].as<std::int64_t>();
  if (furthest < domain::FirstPositionOf(xmax, (*end)[0][1].as<std::int64_t>())) {
    auto lost = FindLost(session, PositionKind::kEvents, positions);
    if (!lost.ok()) return lost.status();
    if (!*lost) return absl::OkStatus();
  }
  return domain::ErrorOf(
      domain::Reason::kPositionAhead,
      fmt::format("what was answered goes to position {}, which the store does not have any more: it "
                  "is in an earlier state than it was",
                  furthest));
}

absl::StatusOr<domain::TurnInput> ReadRows(Session& session, const GroupTurn& turn) {
  domain::TurnInput input;
  auto buckets = session.Run(kBuckets, {turn.group});
  if (!buckets.ok()) return buckets.status();
  for (const auto& row : *buckets) {
    input.buckets.push_back({row[0].as<domain::Position>(), MaybeUuidOf(row[1]), MaybeUuidOf(row[2])});
  }
  auto members = session.Run(kMembers, {turn.group});
  if (!members.ok()) return members.status();
  for (const auto& row : *members) input.members.push_back({UuidOf(row[0]), row[1].as<bool>(), row[2].as<bool>()});
  for (const OwnMember& member : turn.own) input.own.push_back({member.id, member.leaving, true});
  input.left = turn.left;
  return input;
}

absl::Status WriteMembers(Session& session, const GroupTurn& turn, const std::vector<domain::Uuid>& gone) {
  if (!gone.empty()) {
    if (auto deleted = session.Run(kGone, {IdArray(gone)}); !deleted.ok()) return deleted.status();
  }
  if (turn.own.empty()) return absl::OkStatus();
  ArrayText ids;
  ArrayText names;
  ArrayText leaving;
  for (const OwnMember& member : turn.own) {
    ids.AddPlain(member.id.ToString());
    names.Add(member.name);
    leaving.AddPlain(member.leaving ? "t" : "f");
  }
  return session.Run(kSeen, {turn.group, turn.instance, ids.Take(), names.Take(), leaving.Take()}).status();
}

std::string Numbers(const std::vector<int>& numbers) {
  ArrayText array;
  for (const int number : numbers) array.AddPlain(static_cast<std::int64_t>(number));
  return array.Take();
}

absl::Status ReadWhatIsNew(Session& session, const GroupTurn& turn, GroupTurnResult& result) {
  std::set<domain::Uuid> own;
  for (const OwnMember& member : turn.own) own.insert(member.id);
  const std::set<int> known(turn.known.begin(), turn.known.end());
  std::vector<int> owned;
  std::vector<int> unknown;
  for (int bucket = 0; bucket < static_cast<int>(result.buckets.size()); ++bucket) {
    const auto& owner = result.buckets[static_cast<std::size_t>(bucket)].owner;
    if (!owner || !own.contains(*owner)) continue;
    owned.push_back(bucket);
    if (turn.generation != result.generation || !known.contains(bucket)) unknown.push_back(bucket);
  }
  if (!unknown.empty()) {
    auto rows = session.Run(kFailures, {turn.group, Numbers(unknown)});
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) {
      result.failures[row[0].as<int>()][row[1].as<domain::Position>()] = row[2].as<int>();
    }
  }
  if (owned.empty() || turn.max_replays == 0) return absl::OkStatus();
  auto rows = session.Run(
      kReplays, {turn.group, Numbers(owned), IdArray(turn.known_replays), fmt::format("{}", turn.max_replays)});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    result.replays.push_back(
        {{UuidOf(row[0]), row[1].as<domain::Position>(), row[2].as<std::int64_t>(), UuidOf(row[3]), row[4].as<int>()},
         row[5].as<int>()});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GroupTurnResult> RunGroupTurn(Session& session, const GroupTurn& turn) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  if (auto set = session.RunScript(kPatience); !set.ok()) return set.status();
  auto locked = session.Run(kLock, {turn.group});
  if (!locked.ok()) return locked.status();
  if (locked->empty()) return GroupNotFound(turn.group);
  GroupTurnResult result;
  result.generation = (*locked)[0][0].as<std::int64_t>();
  result.settings = GroupSettingsFrom((*locked)[0], 2);
  auto input = ReadRows(session, turn);
  if (!input.ok()) return input.status();
  if (turn.generation == result.generation) {
    if (absl::Status checked = CheckNotAhead(session, turn.writes); !checked.ok()) return checked;
    input->places = turn.writes.places;
  }
  domain::TurnPlan plan = domain::PlanTurn(*input);
  if (absl::Status written = WriteMembers(session, turn, plan.gone); !written.ok()) return written;
  if (absl::Status written = WriteAnswers(session, turn.group, turn.writes, plan.fenced); !written.ok()) return written;
  if (absl::Status written = WriteBuckets(session, turn.group, plan); !written.ok()) return written;
  result.buckets = std::move(plan.buckets);
  result.fenced = std::move(plan.fenced);
  if (absl::Status read = ReadWhatIsNew(session, turn, result); !read.ok()) return read;
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return result;
}

}  // namespace eventstore::storage
