#include "server/storage/cursor_position.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/horizon.h"
#include "server/storage/lost_positions.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/store_identity.h"
#include "server/storage/table_rows.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::Position;

constexpr Position kFirst = 0;
constexpr Position kLast = std::numeric_limits<Position>::max();

// Chunks asked for their range of positions in one statement: far below the lock table's size (each chunk and its
// indexes take a lock each), yet few round trips.
constexpr std::size_t kChunksPerStatement = 32;

Position StartOf(const domain::ReadAllQuery& query) {
  if (query.direction == domain::Direction::kForward) return query.from_position;
  return query.from_position == 0 ? kLast : query.from_position;
}

// The closed chunks of a whole aggregate. That of its first event is not in the directory; the head knows it.
absl::StatusOr<Places> FindAllOfAggregate(Session& session, const domain::Uuid& id, std::span<const Chunk> chunks) {
  AggregateRange range;
  range.chunks = {chunks.front().range.from, chunks.back().range.from + 1};
  auto found = FindAggregate(session, id, range, domain::Direction::kForward, std::numeric_limits<int>::max());
  if (!found.ok()) return found.status();
  Places places;
  places.changes = found->changes;
  for (const auto& place : found->places) places.places.push_back({place.chunk, place.events, {}});
  const domain::TimeMicros born = found->head.first_timestamp;
  const auto first = std::ranges::find_if(
      chunks, [&](const Chunk& chunk) { return chunk.range.from <= born && born < chunk.range.to; });
  if (found->head.version > 0 && first != chunks.end()) places.places.push_back({first->range.from, 0, {}});
  return places;
}

}  // namespace

PositionCursor::PositionCursor(domain::ReadAllQuery query, ChunkCatalog& chunks)
    : Cursor(query.max_events),
      filter_(std::move(query.filter)),
      direction_(query.direction),
      catalog_(chunks),
      notices_drops_(query.direction == domain::Direction::kForward),
      after_(StartOf(query)),
      end_(query.direction == domain::Direction::kForward ? kLast : kFirst) {}

PositionCursor::PositionCursor(domain::EventFilter filter, domain::Position after, domain::Position horizon,
                               ChunkCatalog& chunks)
    : Cursor(domain::kNoLimit),
      filter_(std::move(filter)),
      direction_(domain::Direction::kForward),
      catalog_(chunks),
      open_(true),
      after_(after),
      end_(horizon) {}

PositionCursor::PositionCursor(const domain::CorrelationQuery& query, ChunkCatalog& chunks)
    : Cursor(domain::kNoLimit),
      filter_(query.filter),
      correlation_id_(query.correlation_id),
      range_(query.range),
      direction_(domain::Direction::kForward),
      catalog_(chunks),
      after_(kFirst),
      end_(kLast) {}

absl::Status PositionCursor::Probe(Session& session, std::span<const Chunk* const> chunks) {
  Where where(0);
  if (correlation_id_) {
    where.And("correlation_id = {}::uuid", correlation_id_->ToString());
  } else {
    where.And("global_position > {}::bigint", fmt::format("{}", forward() ? after_ : end_));
    where.And("global_position < {}::bigint", fmt::format("{}", forward() ? end_ : after_));
  }
  std::string sql;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    sql += fmt::format("{}SELECT {}, min(global_position), max(global_position) FROM {} WHERE {}",
                       sql.empty() ? "" : " UNION ALL ", i, chunks[i]->table, where.text());
  }
  auto rows = session.RunKept(sql, where.args());
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    if (row[1].is_null()) continue;
    sources_.push_back({chunks[row[0].as<std::size_t>()], row[1].as<Position>(), row[2].as<Position>()});
  }
  return absl::OkStatus();
}

bool PositionCursor::MayHold(const ClosedChunk& chunk) const {
  const Position from = forward() ? after_ : end_;
  const Position to = forward() ? end_ : after_;
  return chunk.events > 0 && chunk.greatest > from && chunk.least < to;
}

absl::StatusOr<std::optional<Places>> PositionCursor::Find(Session& session, std::span<const Chunk> chunks) const {
  // A subscriber at the end of the store has nothing to look for in closed chunks.
  const bool any_closed =
      std::ranges::any_of(chunks, [&](const Chunk& chunk) { return chunk.closed && MayHold(*chunk.closed); });
  if (!any_closed) return std::nullopt;
  const domain::TimeRange starts{chunks.front().range.from, chunks.back().range.from + 1};
  absl::StatusOr<Places> found = Places();
  if (correlation_id_) {
    found = FindCorrelations(session, {*correlation_id_}, starts);
  } else if (filter_.aggregate_id) {
    found = FindAllOfAggregate(session, *filter_.aggregate_id, chunks);
  } else if (!filter_.correlation_ids.empty()) {
    found = FindCorrelations(session, filter_.correlation_ids, starts);
  } else if (!filter_.user_ids.empty()) {
    found = FindUsers(session, filter_.user_ids, starts);
  } else if (!filter_.event_types.empty() || !filter_.event_type_prefixes.empty()) {
    found = FindEventTypes(session, filter_.event_types, filter_.event_type_prefixes, starts);
  } else {
    return std::nullopt;
  }
  if (!found.ok()) return found.status();
  std::ranges::sort(found->places, {}, &Place::chunk);
  return std::optional(*std::move(found));
}

absl::Status PositionCursor::Open(Session& session) {
  if (!correlation_id_) {
    // In a new cluster, the horizon would be below everything until the offset is raised.
    auto identity = EnsureIdentity(session, catalog_);
    if (!identity.ok()) return identity.status();
    auto horizon = ReadHorizon(session, identity->xid_offset);
    if (!horizon.ok()) return horizon.status();
    if (forward()) {
      if (absl::Status kept = CheckNotLost(session, after_); !kept.ok()) return kept;
      end_ = horizon->position;
    } else {
      after_ = std::min(after_, horizon->position);
    }
  }
  open_ = true;
  return absl::OkStatus();
}

absl::Status CheckNotGone(Position after, Position gone) {
  if (after >= gone) return absl::OkStatus();
  domain::Error error;
  error.reason = domain::Reason::kEventsDropped;
  error.message = fmt::format(
      "events after position {} have been dropped by retention, up to position {}: read from the beginning to get what "
      "is left, from position {} to go on behind them, or restore them from the archive",
      after, gone, gone);
  error.metadata = {{"from_position", fmt::format("{}", after)}, {"dropped_up_to", fmt::format("{}", gone)}};
  return domain::ToStatus(error);
}

// Whoever has seen everything up to a position is not to go on as if nothing had been behind it. Whoever begins at the
// beginning takes what there is.
absl::Status PositionCursor::NoticeGone(Session& session) {
  if (!notices_drops_) return absl::OkStatus();
  auto gone = ReadGoneUpTo(session);
  if (!gone.ok()) return gone.status();
  const bool news = known_gone_ ? *gone > *known_gone_ : after_ != kFirst;
  if (news) {
    if (absl::Status whole = CheckNotGone(after_, *gone); !whole.ok()) return whole;
  }
  known_gone_ = *gone;
  return absl::OkStatus();
}

// After the horizon was taken: what lies below it is visible now, and so are its chunks.
absl::Status PositionCursor::List(Session& session) {
  auto list = catalog_.All(session);
  if (!list.ok()) return list.status();
  list_ = *std::move(list);
  sources_.clear();
  if (absl::Status whole = NoticeGone(session); !whole.ok()) return whole;
  const auto within = Overlapping(*list_, range_);
  auto found = Find(session, within);
  if (!found.ok()) return found.status();
  const std::optional<Places>& places = *found;
  std::vector<const Chunk*> open;
  for (const Chunk& chunk : within) {
    if (chunk.closed && !MayHold(*chunk.closed)) continue;
    if (places ? !chunk.ClosedBy(places->changes) : !chunk.closed) {
      open.push_back(&chunk);
    } else if (!places || std::ranges::binary_search(places->places, chunk.range.from, {}, &Place::chunk)) {
      // NOLINTNEXTLINE(bugprone-unchecked-optional-access): what is not open is closed
      sources_.push_back({&chunk, chunk.closed->least, chunk.closed->greatest});
    }
  }
  for (std::size_t first = 0; first < open.size(); first += kChunksPerStatement) {
    const std::size_t count = std::min(kChunksPerStatement, open.size() - first);
    if (absl::Status probed = Probe(session, std::span(open).subspan(first, count)); !probed.ok()) return probed;
  }
  std::ranges::sort(sources_, [&](const Source& a, const Source& b) { return Before(Near(a), Near(b)); });
  listed_ = true;
  return absl::OkStatus();
}

absl::Status PositionCursor::Prepare(Session& session) {
  if (!open_) {
    if (absl::Status opened = Open(session); !opened.ok()) return opened;
  }
  return listed_ ? absl::OkStatus() : List(session);
}

Where PositionCursor::Wanted() const {
  Where where(2);
  if (correlation_id_) {
    where.And("correlation_id = {}::uuid", correlation_id_->ToString());
    where.AndWithin(range_);
  }
  where.AndFilter(filter_);
  where.And("global_position > {}::bigint", fmt::format("{}", forward() ? after_ : end_));
  where.And("global_position < {}::bigint", fmt::format("{}", forward() ? end_ : after_));
  return where;
}

PositionCursor::Ready PositionCursor::ReadyBefore(const Events& events, Position position) const {
  Ready ready;
  for (const auto& event : events) {
    if (!Before(event.global_position, position)) continue;
    ++ready.events;
    ready.bytes += PayloadBytes(event);
  }
  return ready;
}

bool PositionCursor::Trim(Events& events, std::size_t rows) const {
  std::size_t keep = 0;
  for (std::size_t bytes = 0; keep < events.size() && keep < rows && bytes < budget_.bytes(); ++keep) {
    bytes += PayloadBytes(events[keep]);
  }
  const bool trimmed = keep < events.size();
  events.resize(keep);
  return trimmed;
}

absl::StatusOr<Page> PositionCursor::Next(Session& session) {
  if (absl::Status ready = Prepare(session); !ready.ok()) return ready;
  Page page;
  // Everything up to here, in reading order, has been read from every table that can hold it.
  Position complete = forward() ? kLast : kFirst;
  const int rows = budget_.rows(0);
  bool cut = false;
  for (const Source& source : sources_) {
    if (Before(complete, Near(source))) break;
    const Ready ready = ReadyBefore(page.events, Near(source));
    if (ready.events >= rows || ready.bytes >= budget_.bytes()) {
      complete = forward() ? Near(source) - 1 : Near(source) + 1;
      break;
    }
    auto read =
        ReadTable(session, source.chunk->table, Wanted(), forward() ? "global_position" : "global_position DESC",
                  rows - ready.events, budget_.bytes() - ready.bytes);
    if (!read.ok()) return read.status();
    if (read->more && Before(read->events.back().global_position, complete)) {
      complete = read->events.back().global_position;
    }
    cut |= read->bytes + ready.bytes >= budget_.bytes();
    std::ranges::move(read->events, std::back_inserter(page.events));
  }
  std::ranges::sort(page.events,
                    [&](const auto& a, const auto& b) { return Before(a.global_position, b.global_position); });
  std::erase_if(page.events, [&](const auto& event) { return Before(complete, event.global_position); });
  const bool trimmed = Trim(page.events, static_cast<std::size_t>(rows));
  if (!page.events.empty()) after_ = page.events.back().global_position;
  std::erase_if(sources_, [&](const Source& source) { return !Before(after_, Far(source)); });
  budget_.Took(page.events.size(), cut);
  const bool all_read = !trimmed && complete == (forward() ? kLast : kFirst);
  page.last = budget_.exhausted() || all_read || sources_.empty();
  return page;
}

}  // namespace eventstore::storage
