#include "server/storage/group_parked.h"

#include <algorithm>
#include <map>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/storage/cursor.h"
#include "server/storage/group_rows.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"
#include "server/storage/table_rows.h"
#include "server/storage/transaction.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::ParkedRef;

// Rows of parked events in one statement.
constexpr std::size_t kRefs = 500;

constexpr Query kExists{"parked_group", "SELECT 1 FROM consumer_groups WHERE name = $1"};

constexpr Query kList{"parked_list", R"sql(
SELECT event_id, global_position, (extract(epoch FROM event_time) * 1000000)::bigint, aggregate_id, bucket,
       (extract(epoch FROM parked_at) * 1000000)::bigint, reason, deliveries, replaying
FROM consumer_group_parked WHERE group_name = $1 AND global_position > $2::bigint
ORDER BY global_position LIMIT $3::integer
)sql"};

constexpr Query kRefsOf{"parked_refs", R"sql(
SELECT event_id, global_position, (extract(epoch FROM event_time) * 1000000)::bigint, aggregate_id, bucket
FROM consumer_group_parked
WHERE group_name = $1 AND global_position > $2::bigint AND (cardinality($3::uuid[]) = 0 OR event_id = ANY ($3::uuid[]))
ORDER BY global_position LIMIT $4::integer
)sql"};

// $3: at most so many, the oldest; 0: all.
constexpr Query kReplay{"parked_replay", R"sql(
UPDATE consumer_group_parked SET replaying = true, replay_attempts = 0
WHERE group_name = $1 AND event_id IN (
  SELECT event_id FROM consumer_group_parked
  WHERE group_name = $1 AND NOT replaying AND (cardinality($2::uuid[]) = 0 OR event_id = ANY ($2::uuid[]))
  ORDER BY global_position LIMIT nullif($3::bigint, 0))
)sql"};

constexpr Query kDiscard{"parked_discard", R"sql(
DELETE FROM consumer_group_parked
WHERE group_name = $1 AND event_id IN (
  SELECT event_id FROM consumer_group_parked
  WHERE group_name = $1 AND (cardinality($2::uuid[]) = 0 OR event_id = ANY ($2::uuid[]))
  ORDER BY global_position LIMIT nullif($3::bigint, 0))
)sql"};

constexpr Query kGiveUp{"parked_give_up", R"sql(
UPDATE consumer_group_parked SET replaying = false, reason = 'the event is gone: its chunk was dropped'
WHERE group_name = $1 AND event_id = ANY ($2::uuid[])
)sql"};

ParkedRef RefFrom(const pqxx::row& row) {
  return {UuidOf(row[0]), row[1].as<domain::Position>(), row[2].as<std::int64_t>(), UuidOf(row[3]), row[4].as<int>()};
}

const Chunk* ChunkOf(const ChunkList& list, domain::TimeMicros time) {
  const auto found = std::ranges::find_if(list, [&](const Chunk& chunk) { return chunk.range.Contains(time); });
  return found == list.end() ? nullptr : &*found;
}

// From the front, those in one chunk.
std::span<const ParkedRef> Run(std::span<const ParkedRef> refs, const Chunk& chunk) {
  std::size_t count = 1;
  while (count < refs.size() && count < kRefs && chunk.range.Contains(refs[count].time)) ++count;
  return refs.first(count);
}

Where WhereIn(std::span<const ParkedRef> refs, int taken) {
  std::vector<domain::Uuid> ids;
  domain::TimeMicros least = refs.front().time;
  domain::TimeMicros greatest = refs.front().time;
  for (const ParkedRef& ref : refs) {
    ids.push_back(ref.event_id);
    least = std::min(least, ref.time);
    greatest = std::max(greatest, ref.time);
  }
  Where where(taken);
  where.And("id = ANY ({}::uuid[])", IdArray(ids));
  where.And("timestamp >= {}::timestamptz", TimestampText(least));
  where.And("timestamp <= {}::timestamptz", TimestampText(greatest));
  return where;
}

absl::Status CheckGroup(Session& session, const std::string& group) {
  auto exists = session.Run(kExists, {group});
  if (!exists.ok()) return exists.status();
  return exists->empty() ? GroupNotFound(group) : absl::OkStatus();
}

absl::StatusOr<std::vector<domain::Uuid>> Matching(Session& session, ChunkCatalog& chunks,
                                                   std::span<const ParkedRef> refs, const domain::EventFilter& filter) {
  auto list = chunks.All(session);
  if (!list.ok()) return list.status();
  std::map<domain::Uuid, bool> found;
  for (std::size_t at = 0; at < refs.size();) {
    const Chunk* chunk = ChunkOf(**list, refs[at].time);
    if (chunk == nullptr) {
      ++at;
      continue;
    }
    const auto run = Run(refs.subspan(at), *chunk);
    at += run.size();
    Where where = WhereIn(run, 0);
    where.AndFilter(filter);
    auto rows = session.RunText("SELECT id FROM " + chunk->table + " WHERE " + where.text(), where.args());
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) found[UuidOf(row[0])] = true;
  }
  std::vector<domain::Uuid> ids;
  for (const ParkedRef& ref : refs) {
    if (found.contains(ref.event_id)) ids.push_back(ref.event_id);
  }
  return ids;
}

absl::StatusOr<std::int64_t> Change(Session& session, const std::string& group, const std::vector<domain::Uuid>& ids,
                                    std::int64_t max, ParkedAction action) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto changed =
      session.Run(action == ParkedAction::kReplay ? kReplay : kDiscard, {group, IdArray(ids), fmt::format("{}", max)});
  if (!changed.ok()) return changed.status();
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return static_cast<std::int64_t>(changed->affected_rows());
}

}  // namespace

absl::StatusOr<std::vector<std::optional<domain::RecordedEvent>>> ReadParked(Session& session, ChunkCatalog& chunks,
                                                                             std::span<const ParkedRef> refs) {
  auto list = chunks.All(session);
  if (!list.ok()) return list.status();
  std::vector<std::optional<domain::RecordedEvent>> events;
  std::size_t bytes = 0;
  while (events.size() < refs.size() && bytes < domain::kMaxPageBytes) {
    const auto rest = refs.subspan(events.size());
    const Chunk* chunk = ChunkOf(**list, rest.front().time);
    if (chunk == nullptr) {
      events.emplace_back();
      continue;
    }
    const auto run = Run(rest, *chunk);
    auto read = ReadTable(session, chunk->table, WhereIn(run, 2), "global_position", static_cast<int>(run.size()) + 1,
                          domain::kMaxPageBytes - bytes);
    if (!read.ok()) return read.status();
    bytes += std::max<std::size_t>(read->bytes, 1);
    std::map<domain::Uuid, domain::RecordedEvent*> found;
    for (auto& event : read->events) found[event.id] = &event;
    const domain::Position end = read->more && !read->events.empty() ? read->events.back().global_position : 0;
    for (const ParkedRef& ref : run) {
      if (end > 0 && ref.position > end) break;
      const auto event = found.find(ref.event_id);
      if (event == found.end()) {
        events.emplace_back();
      } else {
        events.emplace_back(std::move(*event->second));
      }
    }
  }
  return events;
}

absl::StatusOr<ParkedPage> ListParked(Session& session, ChunkCatalog& chunks, const domain::ParkedList& list) {
  auto rows = session.Run(kList, {list.group, fmt::format("{}", list.after), fmt::format("{}", list.page_size + 1)});
  if (!rows.ok()) return rows.status();
  ParkedPage page;
  if (rows->empty()) {
    if (absl::Status exists = CheckGroup(session, list.group); !exists.ok()) return exists;
    return page;
  }
  std::vector<ParkedRef> refs;
  for (const auto& row : *rows) refs.push_back(RefFrom(row));
  const auto wanted = std::min(refs.size(), static_cast<std::size_t>(list.page_size));
  auto events = ReadWithRetries(
      chunks, [&] { return ReadParked(session, chunks, std::span<const ParkedRef>(refs).first(wanted)); });
  if (!events.ok()) return events.status();
  for (std::size_t i = 0; i < events->size(); ++i) {
    const auto row = (*rows)[static_cast<int>(i)];
    domain::ParkedEvent parked;
    if (auto& event = (*events)[i]) {
      parked.event = *std::move(event);
    } else {
      parked.event.id = refs[i].event_id;
      parked.event.global_position = refs[i].position;
      parked.event.timestamp = refs[i].time;
      parked.event.aggregate_id = refs[i].aggregate_id;
    }
    parked.parked_at = row[5].as<std::int64_t>();
    parked.reason = row[6].c_str();
    parked.deliveries = row[7].as<int>();
    parked.replaying = row[8].as<bool>();
    page.events.push_back(std::move(parked));
  }
  if (events->size() < refs.size()) page.next = refs[events->size() - 1].position;
  return page;
}

absl::StatusOr<std::int64_t> ChangeParked(Session& session, ChunkCatalog& chunks,
                                          const domain::ParkedSelection& selection, ParkedAction action) {
  if (absl::Status exists = CheckGroup(session, selection.group); !exists.ok()) return exists;
  if (selection.filter == domain::EventFilter{}) {
    return Change(session, selection.group, selection.event_ids, selection.max_events, action);
  }
  // What matches has to be read; bit by bit, since any number may be parked.
  std::int64_t changed = 0;
  domain::Position after = 0;
  for (;;) {
    auto rows = session.Run(
        kRefsOf, {selection.group, fmt::format("{}", after), IdArray(selection.event_ids), fmt::format("{}", kRefs)});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return changed;
    std::vector<ParkedRef> refs;
    for (const auto& row : *rows) refs.push_back(RefFrom(row));
    after = refs.back().position;
    auto ids = ReadWithRetries(chunks, [&] { return Matching(session, chunks, refs, selection.filter); });
    if (!ids.ok()) return ids.status();
    if (ids->empty()) continue;
    const std::int64_t left = selection.max_events == 0 ? 0 : selection.max_events - changed;
    auto done = Change(session, selection.group, *ids, left, action);
    if (!done.ok()) return done.status();
    changed += *done;
    if (selection.max_events > 0 && changed >= selection.max_events) return changed;
  }
}

absl::Status GiveUpReplays(Session& session, const std::string& group, const std::vector<domain::Uuid>& event_ids) {
  return session.Run(kGiveUp, {group, IdArray(event_ids)}).status();
}

}  // namespace eventstore::storage
