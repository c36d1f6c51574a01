#include "server/storage/append_statements.h"

#include <unordered_set>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::NewEvent;
using domain::Uuid;

// The sub-select has volatile functions, so it runs once, as one row.
constexpr Query kReadHeads{"append_heads", R"sql(
SELECT c.now_us, c.xid, c.xid_offset, h.aggregate_id, h.version,
       (extract(epoch FROM h.first_timestamp) * 1000000)::bigint,
       (extract(epoch FROM h.last_timestamp) * 1000000)::bigint
FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us,
             pg_current_xact_id()::text AS xid,
             (SELECT xid_offset FROM store_identity) AS xid_offset) c
LEFT JOIN aggregate_heads h ON h.aggregate_id = ANY ($1::uuid[])
)sql"};

// This one and the next are not prepared: at the sixth execution PostgreSQL would try a plan for any time, which opens and
// locks every chunk there is. Planned anew with the time at hand they open those of the last day.
constexpr char kFindIds[] = R"sql(
SELECT id FROM events_v2 WHERE id = ANY ($1::uuid[]) AND timestamp >= $2::timestamptz
)sql";

// The row of the same aggregate last, so that it wins where an id was used in two.
constexpr char kCompare[] = R"sql(
SELECT n.ordinal, e.id, e.version, (extract(epoch FROM e.timestamp) * 1000000)::bigint, e.global_position,
       e.aggregate_id,
       e.aggregate_type = n.aggregate_type AND e.event_type = n.event_type
         AND e.user_id IS NOT DISTINCT FROM n.user_id AND e.data = n.data AND e.metadata = n.metadata
         AND e.causation_id IS NOT DISTINCT FROM n.causation_id
         AND e.correlation_id IS NOT DISTINCT FROM n.correlation_id AND e.source = n.source
FROM unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[],
            $9::uuid[], $10::uuid[], $11::text[])
     AS n(ordinal, id, aggregate_id, aggregate_type, event_type, user_id, data, metadata, causation_id, correlation_id,
          source)
JOIN events_v2 e ON e.id = n.id AND e.timestamp >= $12::timestamptz
ORDER BY n.ordinal, e.aggregate_id = n.aggregate_id
)sql";

constexpr Query kWrite{"append_write", R"sql(
WITH written AS (
  INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                         causation_id, correlation_id, source, global_position)
  SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
                       $8::jsonb[], $9::integer[], $10::uuid[], $11::uuid[], $12::text[], $13::bigint[])
), created AS (
  INSERT INTO aggregate_heads (aggregate_id, version, first_timestamp, last_timestamp)
  SELECT p.aggregate_id, p.after, p.first, p.last
  FROM unnest($14::uuid[], $15::integer[], $16::integer[], $17::timestamptz[], $18::timestamptz[])
       AS p(aggregate_id, before, after, first, last)
  WHERE p.before = 0
  ON CONFLICT DO NOTHING
  RETURNING 1
), moved AS (
  UPDATE aggregate_heads h SET version = p.after, last_timestamp = p.last
  FROM unnest($14::uuid[], $15::integer[], $16::integer[], $17::timestamptz[], $18::timestamptz[])
       AS p(aggregate_id, before, after, first, last)
  WHERE p.before > 0 AND h.aggregate_id = p.aggregate_id AND h.version = p.before
  RETURNING 1
)
SELECT (SELECT count(*) FROM created) + (SELECT count(*) FROM moved)
)sql"};

void AddId(ArrayText& array, const std::optional<Uuid>& id) {
  if (id) {
    array.AddPlain(id->ToString());
  } else {
    array.AddNull();
  }
}

void AddUser(ArrayText& array, const std::string& user) {
  if (user.empty()) {
    array.AddNull();
  } else {
    array.Add(user);
  }
}

// The columns that come from the request, as parallel arrays.
struct ContentArrays {
  ArrayText id, aggregate_id, aggregate_type, event_type, user_id, data, metadata, causation_id, correlation_id, source;

  void Add(const domain::Append& append, const NewEvent& event) {
    id.AddPlain(event.id.ToString());
    aggregate_id.AddPlain(append.aggregate_id.ToString());
    aggregate_type.Add(append.aggregate_type);
    event_type.Add(event.event_type);
    AddUser(user_id, event.user_id);
    data.Add(event.data);
    metadata.Add(event.metadata);
    AddId(causation_id, event.causation_id);
    AddId(correlation_id, event.correlation_id);
    source.Add(event.source);
  }
};

template <typename F>
void ForEachEvent(std::span<const domain::AppendBatch* const> requests, F&& visit) {
  for (const domain::AppendBatch* request : requests) {
    for (const domain::Append& append : request->appends) {
      for (const NewEvent& event : append.events) visit(append, event);
    }
  }
}

}  // namespace

absl::StatusOr<Before> ReadHeads(Session& session, std::span<const domain::AppendBatch* const> requests) {
  std::unordered_set<Uuid, domain::UuidHash> named;
  for (const domain::AppendBatch* request : requests) {
    for (const auto& append : request->appends) named.insert(append.aggregate_id);
    for (const auto& check : request->checks) named.insert(check.aggregate_id);
  }
  ArrayText ids(named.size() * 37);
  for (const Uuid& id : named) ids.AddPlain(id.ToString());
  auto rows = session.Run(kReadHeads, {ids.Take()});
  if (!rows.ok()) return rows.status();
  Before before;
  for (const auto& row : *rows) {
    before.stamp = {row[0].as<std::int64_t>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
    if (row[3].is_null()) continue;
    before.heads[UuidOf(row[3])] = {row[4].as<domain::Version>(), row[5].as<std::int64_t>(), row[6].as<std::int64_t>()};
  }
  return before;
}

absl::StatusOr<domain::StoredEvents> FindStored(Session& session, std::span<const domain::AppendBatch* const> requests,
                                                domain::TimeMicros since) {
  domain::StoredEvents stored;
  ArrayText ids;
  bool any = false;
  ForEachEvent(requests, [&](const domain::Append&, const NewEvent& event) {
    if (event.id_made_here) return;
    ids.AddPlain(event.id.ToString());
    any = true;
  });
  if (!any) return stored;
  const std::string since_text = TimestampText(since);
  auto found = session.RunText(kFindIds, {ids.Take(), since_text});
  if (!found.ok()) return found.status();
  if (found->empty()) return stored;

  std::unordered_set<Uuid, domain::UuidHash> present;
  for (const auto& row : *found) present.insert(UuidOf(row[0]));
  ContentArrays content;
  ArrayText ordinals;
  std::vector<const NewEvent*> events;
  ForEachEvent(requests, [&](const domain::Append& append, const NewEvent& event) {
    if (!present.contains(event.id)) return;
    ordinals.AddPlain(static_cast<std::int64_t>(events.size()));
    events.push_back(&event);
    content.Add(append, event);
  });
  auto rows = session.RunText(
      kCompare, {ordinals.Take(), content.id.Take(), content.aggregate_id.Take(), content.aggregate_type.Take(),
                 content.event_type.Take(), content.user_id.Take(), content.data.Take(), content.metadata.Take(),
                 content.causation_id.Take(), content.correlation_id.Take(), content.source.Take(), since_text});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    stored[events.at(row[0].as<std::size_t>())] = {
        UuidOf(row[5]),
        {UuidOf(row[1]), row[2].as<domain::Version>(), row[3].as<std::int64_t>(), row[4].as<std::int64_t>()},
        row[6].as<bool>()};
  }
  return stored;
}

absl::Status WritePlan(Session& session, const domain::AppendPlan& plan) {
  ContentArrays content;
  ArrayText times, versions, positions;
  for (const domain::PlannedRow& row : plan.rows) {
    content.Add(*row.append, *row.event);
    times.Add(TimestampText(row.recorded.timestamp));
    versions.AddPlain(row.recorded.version);
    positions.AddPlain(row.recorded.global_position);
  }
  ArrayText head_ids, before, after, first, last;
  for (const domain::PlannedHead& head : plan.heads) {
    head_ids.AddPlain(head.aggregate_id.ToString());
    before.AddPlain(head.before.version);
    after.AddPlain(head.after.version);
    first.Add(TimestampText(head.after.first_timestamp));
    last.Add(TimestampText(head.after.last_timestamp));
  }
  auto rows = session.Run(
      kWrite, {content.id.Take(), times.Take(), content.aggregate_id.Take(), content.aggregate_type.Take(),
               content.event_type.Take(), content.user_id.Take(), content.data.Take(), content.metadata.Take(),
               versions.Take(), content.causation_id.Take(), content.correlation_id.Take(), content.source.Take(),
               positions.Take(), head_ids.Take(), before.Take(), after.Take(), first.Take(), last.Take()});
  if (!rows.ok()) return rows.status();
  if ((*rows)[0][0].as<std::size_t>() != plan.heads.size()) {
    return domain::ErrorOf(
        domain::Reason::kInternal,
        "a head changed under the lane lock; nothing was written. Somebody writes to aggregate_heads "
        "besides the servers, or servers run with different numbers of lanes");
  }
  return absl::OkStatus();
}

}  // namespace eventstore::storage
