#include "server/storage/group_write_statements.h"

#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kPark{"turn_park", R"sql(
INSERT INTO consumer_group_parked (group_name, event_id, global_position, event_time, aggregate_id, bucket, reason,
                                   deliveries)
SELECT $1, id, position, at, aggregate_id, bucket, reason, deliveries
FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::uuid[], $6::integer[], $7::text[], $8::integer[])
     AS p (id, position, at, aggregate_id, bucket, reason, deliveries)
ON CONFLICT DO NOTHING
)sql"};

constexpr Query kAttempts{"turn_attempts", R"sql(
INSERT INTO consumer_group_attempts (group_name, bucket, position, failures)
SELECT $1, bucket, position, failures
FROM unnest($2::integer[], $3::bigint[], $4::integer[]) AS a (bucket, position, failures)
ON CONFLICT (group_name, bucket, position) DO UPDATE SET failures = excluded.failures
)sql"};

// What a place has passed, and what was parked.
constexpr Query kForget{"turn_forget", R"sql(
DELETE FROM consumer_group_attempts a
USING unnest($2::integer[], $3::bigint[]) AS b (bucket, place)
WHERE a.group_name = $1 AND a.bucket = b.bucket
  AND (a.position <= b.place OR a.position = ANY ($4::bigint[]))
)sql"};

constexpr Query kReplayed{"turn_replayed", R"sql(
DELETE FROM consumer_group_parked WHERE group_name = $1 AND replaying AND event_id = ANY ($2::uuid[])
)sql"};

constexpr Query kReplayFailed{"turn_replay_failed", R"sql(
UPDATE consumer_group_parked p SET replay_attempts = f.failures
FROM unnest($2::uuid[], $3::integer[]) WITH ORDINALITY AS f (id, failures, place)
WHERE p.group_name = $1 AND p.event_id = f.id AND p.replaying
  AND f.place = (SELECT max(l.place) FROM unnest($2::uuid[]) WITH ORDINALITY AS l (id, place) WHERE l.id = f.id)
)sql"};

constexpr Query kParkAgain{"turn_park_again", R"sql(
UPDATE consumer_group_parked p
SET replaying = false, replay_attempts = 0, reason = f.reason, deliveries = p.deliveries + f.failures,
    parked_at = clock_timestamp()
FROM unnest($2::uuid[], $3::text[], $4::integer[]) AS f (id, reason, failures)
WHERE p.group_name = $1 AND p.event_id = f.id AND p.replaying
)sql"};

constexpr Query kMove{"turn_move", R"sql(
UPDATE consumer_group_buckets b
SET position = m.position, owner = m.owner, wanted = m.wanted
FROM unnest($2::integer[], $3::bigint[], $4::uuid[], $5::uuid[]) AS m (bucket, position, owner, wanted)
WHERE b.group_name = $1 AND b.bucket = m.bucket
)sql"};

bool Counts(const std::vector<bool>& fenced, int bucket) {
  return static_cast<std::size_t>(bucket) < fenced.size() && fenced[static_cast<std::size_t>(bucket)];
}

void AddId(ArrayText& array, const std::optional<domain::Uuid>& id) {
  if (id) {
    array.AddPlain(id->ToString());
  } else {
    array.AddNull();
  }
}

absl::Status WriteParks(Session& session, const std::string& group, const std::vector<domain::ParkWrite>& parks,
                        const std::vector<bool>& fenced) {
  ArrayText ids, positions, times, aggregates, buckets, reasons, deliveries;
  bool any = false;
  for (const auto& park : parks) {
    if (!Counts(fenced, park.event.bucket)) continue;
    any = true;
    ids.AddPlain(park.event.event_id.ToString());
    positions.AddPlain(park.event.position);
    times.Add(TimestampText(park.event.time));
    aggregates.AddPlain(park.event.aggregate_id.ToString());
    buckets.AddPlain(static_cast<std::int64_t>(park.event.bucket));
    reasons.Add(park.reason);
    deliveries.AddPlain(static_cast<std::int64_t>(park.deliveries));
  }
  if (!any) return absl::OkStatus();
  return session
      .Run(kPark, {group, ids.Take(), positions.Take(), times.Take(), aggregates.Take(), buckets.Take(), reasons.Take(),
                   deliveries.Take()})
      .status();
}

absl::Status WriteAttempts(Session& session, const std::string& group, const domain::GroupWrites& writes,
                           const std::vector<bool>& fenced) {
  ArrayText buckets, positions, failures;
  bool any = false;
  for (const auto& attempt : writes.attempts) {
    if (!Counts(fenced, attempt.bucket)) continue;
    any = true;
    buckets.AddPlain(static_cast<std::int64_t>(attempt.bucket));
    positions.AddPlain(attempt.position);
    failures.AddPlain(static_cast<std::int64_t>(attempt.failures));
  }
  if (any) {
    auto written = session.Run(kAttempts, {group, buckets.Take(), positions.Take(), failures.Take()});
    if (!written.ok()) return written.status();
  }
  ArrayText passed, places, parked;
  any = false;
  for (const auto& place : writes.places) {
    if (!Counts(fenced, place.bucket)) continue;
    any = true;
    passed.AddPlain(static_cast<std::int64_t>(place.bucket));
    places.AddPlain(place.place);
  }
  if (!any) return absl::OkStatus();
  for (const auto& park : writes.parks) parked.AddPlain(park.event.position);
  return session.Run(kForget, {group, passed.Take(), places.Take(), parked.Take()}).status();
}

absl::Status WriteReplays(Session& session, const std::string& group, const std::vector<domain::ReplayWrite>& replays,
                          const std::vector<bool>& fenced) {
  using Outcome = domain::ReplayWrite::Outcome;
  ArrayText settled, failed, failed_counts, again, again_reasons, again_counts;
  bool any_settled = false, any_failed = false, any_again = false;
  for (const auto& replay : replays) {
    if (!Counts(fenced, replay.bucket)) continue;
    const std::string id = replay.event_id.ToString();
    if (replay.outcome == Outcome::kSettled) {
      settled.AddPlain(id);
      any_settled = true;
    } else if (replay.outcome == Outcome::kFailed) {
      failed.AddPlain(id);
      failed_counts.AddPlain(static_cast<std::int64_t>(replay.failures));
      any_failed = true;
    } else {
      again.AddPlain(id);
      again_reasons.Add(replay.reason);
      again_counts.AddPlain(static_cast<std::int64_t>(replay.failures));
      any_again = true;
    }
  }
  if (any_failed) {
    auto done = session.Run(kReplayFailed, {group, failed.Take(), failed_counts.Take()});
    if (!done.ok()) return done.status();
  }
  if (any_again) {
    auto done = session.Run(kParkAgain, {group, again.Take(), again_reasons.Take(), again_counts.Take()});
    if (!done.ok()) return done.status();
  }
  if (!any_settled) return absl::OkStatus();
  return session.Run(kReplayed, {group, settled.Take()}).status();
}

}  // namespace

absl::Status WriteAnswers(Session& session, const std::string& group, const domain::GroupWrites& writes,
                          const std::vector<bool>& fenced) {
  if (absl::Status done = WriteParks(session, group, writes.parks, fenced); !done.ok()) return done;
  if (absl::Status done = WriteAttempts(session, group, writes, fenced); !done.ok()) return done;
  return WriteReplays(session, group, writes.replays, fenced);
}

absl::Status WriteBuckets(Session& session, const std::string& group, const domain::TurnPlan& plan) {
  if (plan.changed.empty()) return absl::OkStatus();
  ArrayText buckets, positions, owners, wanted;
  for (const int bucket : plan.changed) {
    const domain::BucketRow& row = plan.buckets[static_cast<std::size_t>(bucket)];
    buckets.AddPlain(static_cast<std::int64_t>(bucket));
    positions.AddPlain(row.position);
    AddId(owners, row.owner);
    AddId(wanted, row.wanted);
  }
  return session.Run(kMove, {group, buckets.Take(), positions.Take(), owners.Take(), wanted.Take()}).status();
}

}  // namespace eventstore::storage
