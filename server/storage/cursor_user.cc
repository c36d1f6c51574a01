#include "server/storage/cursor_user.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <span>
#include <utility>

#include "fmt/format.h"
#include "server/storage/table_rows.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

void AndAfter(std::pair<domain::TimeMicros, domain::Position> after, bool forward, Where& where) {
  // The plain bound lets the index start there; the second part only breaks ties.
  const std::string time = TimestampText(after.first);
  where.And(forward ? "timestamp >= {}::timestamptz" : "timestamp <= {}::timestamptz", time);
  where.And(forward ? "(timestamp > {}::timestamptz" : "(timestamp < {}::timestamptz", time);
  where.Or(forward ? "global_position > {}::bigint)" : "global_position < {}::bigint)",
           fmt::format("{}", after.second));
}

}  // namespace

UserCursor::UserCursor(domain::UserQuery query, ChunkCatalog& chunks)
    : Cursor(query.max_events), query_(std::move(query)), catalog_(chunks) {}

absl::Status UserCursor::List(Session& session) {
  auto list = catalog_.All(session);
  if (!list.ok()) return list.status();
  selection_ = {*std::move(list), {}};
  parts_.clear();
  next_ = 0;
  more_ = false;
  listed_ = true;
  const auto within = Overlapping(*selection_.list, query_.range);
  if (within.empty()) return absl::OkStatus();
  const domain::TimeRange starts{std::max(left_.from, within.front().range.from),
                                 std::min(left_.to, within.back().range.from + 1)};
  if (starts.empty()) return absl::OkStatus();
  auto found = FindUser(session, query_.user_id, starts, query_.direction, budget_.chunks());
  if (!found.ok()) return found.status();
  more_ = found->more;
  selection_.chunks = Select(*selection_.list, starts, found->changes, found->places, more_, query_.direction);
  // A chunk that overlaps `starts` may have started before.
  std::erase_if(selection_.chunks, [&](const Chunk* chunk) { return !starts.Contains(chunk->range.from); });
  // The directory counts all types; fewer may be asked for.
  std::map<domain::TimeMicros, std::int64_t> known;
  for (const Place& place : found->places) known[place.chunk] = place.events;
  for (const Chunk* chunk : selection_.chunks) {
    const auto place = known.find(chunk->range.from);
    const bool is_known = place != known.end() && chunk->ClosedBy(found->changes);
    parts_.push_back({&chunk->table, is_known ? std::optional(place->second) : std::nullopt});
  }
  if (more_) {
    const auto last = found->places.back().chunk;
    rest_ = forward() ? domain::TimeRange{last + 1, left_.to} : domain::TimeRange{left_.from, last};
  }
  return absl::OkStatus();
}

absl::StatusOr<Page> UserCursor::Next(Session& session) {
  for (;;) {
    if (!listed_) {
      if (absl::Status listed = List(session); !listed.ok()) return listed;
    }
    auto page = NextListed(session);
    // Empty and not the last: nothing of what was listed has the types asked for. On with the rest.
    if (!page.ok() || page->last || !page->events.empty()) return page;
  }
}

absl::StatusOr<Page> UserCursor::NextListed(Session& session) {
  const auto& chunks = selection_.chunks;
  Page page;
  std::size_t bytes = 0;
  std::size_t at = next_;
  auto after = after_;
  while (at < chunks.size() && bytes < budget_.bytes()) {
    const int rows = budget_.rows(page.events.size());
    if (rows == 0) break;
    Where where(2);
    where.And("user_id = {}", query_.user_id);
    where.AndWithin(query_.range);
    domain::EventFilter filter;
    filter.event_types = query_.event_types;
    filter.event_type_prefixes = query_.event_type_prefixes;
    filter.aggregate_types = query_.aggregate_types;
    where.AndFilter(filter);
    if (after) AndAfter(*after, forward(), where);
    auto read = ReadTables(session, std::span(parts_).subspan(at), where,
                           forward() ? "timestamp, global_position" : "timestamp DESC, global_position DESC", rows,
                           budget_.bytes() - bytes);
    if (!read.ok()) return read.status();
    auto& events = read->rows.events;
    bytes += read->rows.bytes;
    if (!events.empty()) after = {events.back().timestamp, events.back().global_position};
    std::ranges::move(events, std::back_inserter(page.events));
    at += read->done;
  }
  next_ = at;
  after_ = after;
  budget_.Took(page.events.size(), bytes >= budget_.bytes());
  const bool listed_read = at >= chunks.size();
  if (listed_read && more_) {
    left_ = rest_;
    listed_ = false;
  }
  page.last = budget_.exhausted() || (listed_read && !more_);
  return page;
}

}  // namespace eventstore::storage
