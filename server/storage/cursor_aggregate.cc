#include "server/storage/cursor_aggregate.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "fmt/format.h"
#include "server/storage/where.h"

namespace eventstore::storage {

AggregateCursor::AggregateCursor(const domain::AggregateQuery& query, ChunkCatalog& chunks)
    : Cursor(query.max_events), query_(query), catalog_(chunks) {}

// When the first chunk is gone, or some of it. The directory knows where the versions of a closed chunk begin.
absl::StatusOr<domain::Version> AggregateCursor::OldestStored(Session& session, const ChunkList& list,
                                                              std::int64_t changes) const {
  AggregateRange range;
  AggregatePlaces known;
  known.more = true;
  std::size_t place = 0;
  const domain::TimeRange lifetime{head_.first_timestamp, head_.last_timestamp + 1};
  for (const Chunk& chunk : Overlapping(list, lifetime)) {
    if (!chunk.ClosedBy(changes)) {
      auto rows = session.RunText("SELECT min(version) FROM " + chunk.table + " WHERE aggregate_id = $1::uuid",
                                  {query_.aggregate_id.ToString()});
      if (!rows.ok()) return rows.status();
      if (!(*rows)[0][0].is_null()) return (*rows)[0][0].as<domain::Version>();
      continue;
    }
    while (place < known.places.size() && known.places[place].chunk < chunk.range.from) ++place;
    if (place == known.places.size() && known.more) {
      range.chunks.from = chunk.range.from;
      auto found = FindAggregate(session, query_.aggregate_id, range, domain::Direction::kForward, 16);
      if (!found.ok()) return found.status();
      known = *std::move(found);
      place = 0;
    }
    if (place < known.places.size() && known.places[place].chunk == chunk.range.from) {
      return known.places[place].first_version;
    }
  }
  return 0;
}

absl::Status AggregateCursor::List(Session& session) {
  AggregateRange range{open_ ? from_ : std::max(query_.from_version, 1), open_ ? to_ : query_.to_version, {}};
  if (query_.as_of && *query_.as_of < domain::kMaxTime) range.chunks.to = *query_.as_of + 1;
  auto found = FindAggregate(session, query_.aggregate_id, range, query_.direction, budget_.chunks());
  if (!found.ok()) return found.status();
  if (!open_) {
    head_ = found->head;
    from_ = range.from;
    to_ = std::min(range.to, head_.version);
    open_ = true;
  }
  selection_ = {};
  versions_.clear();
  next_ = 0;
  more_ = found->more;
  if (more_) {
    const auto& last = found->places.back();
    listed_to_ = forward() ? static_cast<domain::Version>(last.first_version + last.events - 1) : last.first_version;
  }
  if (head_.version > 0) {
    auto list = catalog_.All(session);
    if (!list.ok()) return list.status();
    selection_.list = *std::move(list);
    const ChunkList& chunks = *selection_.list;
    const Chunk* first = ChunkAt(chunks, head_.first_timestamp);
    // While the first chunk is there and has given up nothing, so is version 1.
    first_available_ = 1;
    if (first == nullptr || found->beginning_gone) {
      auto oldest = OldestStored(session, chunks, found->changes);
      if (!oldest.ok()) return oldest.status();
      first_available_ = *oldest;
    } else if (first->ClosedBy(found->changes) && from_ < found->second_chunk_from && (!more_ || forward())) {
      // It has no place of its own. Before all others it is in any case.
      const std::int64_t events = found->second_chunk_from == INT32_MAX ? 0 : found->second_chunk_from - 1;
      found->places.insert(forward() ? found->places.begin() : found->places.end(), {first->range.from, 1, events});
    }
    selection_.chunks = Select(chunks, {head_.first_timestamp, head_.last_timestamp + 1}, found->changes, found->places,
                               more_, query_.direction);
    if (query_.as_of) std::erase_if(selection_.chunks, [&](auto* chunk) { return chunk->range.from > *query_.as_of; });
    std::map<domain::TimeMicros, Versions> known;
    for (const auto& place : found->places) {
      const auto last = static_cast<domain::Version>(place.first_version + place.events - 1);
      if (place.events > 0) known[place.chunk] = {place.first_version, last};
    }
    for (const Chunk* chunk : selection_.chunks) {
      const auto place = known.find(chunk->range.from);
      const bool is_known = place != known.end() && chunk->ClosedBy(found->changes);
      versions_.push_back(is_known ? std::optional(place->second) : std::nullopt);
    }
  }
  listed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<Page> AggregateCursor::Next(Session& session) {
  for (;;) {
    if (!listed_) {
      if (absl::Status listed = List(session); !listed.ok()) return listed;
    }
    auto page = NextListed(session);
    // Empty and not the last: what was listed has been dropped since. On with the rest.
    if (!page.ok() || page->last || !page->events.empty()) return page;
  }
}

std::vector<TablePart> AggregateCursor::Parts(std::size_t at, domain::Version from, domain::Version to) const {
  std::vector<TablePart> parts;
  const std::size_t end = std::min(selection_.chunks.size(), at + kTablesAtOnce);
  for (std::size_t i = at; i < end; ++i) {
    std::optional<Versions> held = versions_[i];
    // One that is open has what its neighbours have not. Behind it, in reading order, `from` or `to` goes on.
    const bool ahead_known = i + 1 == versions_.size() || versions_[i + 1];
    if (!held && ahead_known && (i == at || versions_[i - 1])) {
      held = Versions{from, to};
      const auto* before = i > at ? &*versions_[i - 1] : nullptr;
      const auto* after = i + 1 < versions_.size() ? &*versions_[i + 1] : nullptr;
      if (!forward()) std::swap(before, after);
      if (before != nullptr) held->first = before->last + 1;
      if (after != nullptr) held->last = after->first - 1;
    }
    TablePart part{&selection_.chunks[i]->table};
    if (held) part.rows = std::max<std::int64_t>(0, std::min(to, held->last) - std::max(from, held->first) + 1);
    parts.push_back(part);
  }
  return parts;
}

absl::StatusOr<Page> AggregateCursor::NextListed(Session& session) {
  Page page;
  std::size_t bytes = 0;
  std::size_t at = next_;
  domain::Version from = from_;
  domain::Version to = to_;
  const auto& chunks = selection_.chunks;
  while (at < chunks.size() && from <= to && bytes < budget_.bytes()) {
    const int rows = budget_.rows(page.events.size());
    if (rows == 0) break;
    Where where(2);
    where.And("aggregate_id = {}::uuid", query_.aggregate_id.ToString());
    where.And("version >= {}::integer", fmt::format("{}", from));
    where.And("version <= {}::integer", fmt::format("{}", to));
    if (query_.as_of) where.And("timestamp <= {}::timestamptz", TimestampText(*query_.as_of));
    auto read = ReadTables(session, Parts(at, from, to), where, forward() ? "version" : "version DESC", rows,
                           budget_.bytes() - bytes);
    if (!read.ok()) return read.status();
    auto& events = read->rows.events;
    bytes += read->rows.bytes;
    if (!events.empty()) {
      const domain::Version end = events.back().version;
      if (forward()) {
        from = end + 1;
      } else {
        to = end - 1;
      }
    }
    std::ranges::move(events, std::back_inserter(page.events));
    at += read->done;
  }
  next_ = at;
  const bool listed_read = at >= chunks.size();
  if (listed_read && more_) {
    if (forward()) {
      from = std::max(from, listed_to_ + 1);
    } else {
      to = std::min(to, listed_to_ - 1);
    }
    listed_ = false;
  }
  from_ = from;
  to_ = to;
  budget_.Took(page.events.size(), bytes >= budget_.bytes());
  page.last = done() || (listed_read && !more_);
  return page;
}

}  // namespace eventstore::storage
