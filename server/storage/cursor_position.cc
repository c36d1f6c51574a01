#include "server/storage/cursor_position.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "fmt/format.h"
#include "server/storage/horizon.h"
#include "server/storage/store_identity.h"
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

}  // namespace

PositionCursor::PositionCursor(domain::ReadAllQuery query, ChunkCatalog& chunks)
    : filter_(std::move(query.filter)),
      direction_(query.direction),
      catalog_(chunks),
      after_(StartOf(query)),
      end_(query.direction == domain::Direction::kForward ? kLast : kFirst),
      budget_(query.max_events) {}

PositionCursor::PositionCursor(const domain::CorrelationQuery& query, ChunkCatalog& chunks)
    : correlation_id_(query.correlation_id),
      range_(query.range),
      direction_(domain::Direction::kForward),
      catalog_(chunks),
      after_(kFirst),
      end_(kLast),
      budget_(domain::kNoLimit) {}

absl::Status PositionCursor::AddSources(Session& session, const ChunkList& chunks, std::size_t first, std::size_t end) {
  Where where(0);
  if (correlation_id_) {
    where.And("correlation_id = {}::uuid", correlation_id_->ToString());
  } else {
    where.And("global_position > {}::bigint", fmt::format("{}", forward() ? after_ : end_));
    where.And("global_position < {}::bigint", fmt::format("{}", forward() ? end_ : after_));
  }
  std::string sql;
  for (std::size_t i = first; i < end; ++i) {
    sql += fmt::format("{}SELECT {}, min(global_position), max(global_position) FROM {} WHERE {}",
                       sql.empty() ? "" : " UNION ALL ", i, chunks[i].table, where.text());
  }
  auto rows = session.RunText(sql, where.args());
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    if (row[1].is_null()) continue;
    sources_.push_back({chunks[row[0].as<std::size_t>()].table, row[1].as<Position>(), row[2].as<Position>()});
  }
  return absl::OkStatus();
}

absl::Status PositionCursor::Open(Session& session) {
  if (!correlation_id_) {
    // In a new cluster, the horizon would be below everything until the offset is raised.
    auto identity = EnsureIdentity(session, catalog_);
    if (!identity.ok()) return identity.status();
    auto horizon = ReadHorizon(session, identity->xid_offset);
    if (!horizon.ok()) return horizon.status();
    if (forward()) {
      end_ = *horizon;
    } else {
      after_ = std::min(after_, *horizon);
    }
  }
  open_ = true;
  return absl::OkStatus();
}

// After the horizon was taken: what lies below it is visible now, and so are its chunks.
absl::Status PositionCursor::List(Session& session) {
  auto chunks = catalog_.Within(session, range_);
  if (!chunks.ok()) return chunks.status();
  sources_.clear();
  for (std::size_t first = 0; first < chunks->size(); first += kChunksPerStatement) {
    const std::size_t end = std::min(first + kChunksPerStatement, chunks->size());
    if (absl::Status added = AddSources(session, *chunks, first, end); !added.ok()) return added;
  }
  std::ranges::sort(sources_, [&](const Source& a, const Source& b) { return Before(Near(a), Near(b)); });
  listed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<Page> PositionCursor::Next(Session& session) {
  if (!open_) {
    if (absl::Status opened = Open(session); !opened.ok()) return opened;
  }
  if (!listed_) {
    if (absl::Status listed = List(session); !listed.ok()) return listed;
  }
  Page page;
  // Everything up to here, in reading order, has been read from every table that can hold it.
  Position complete = forward() ? kLast : kFirst;
  const int rows = budget_.rows(0);
  bool cut = false;
  for (const Source& source : sources_) {
    if (Before(complete, Near(source))) break;
    Where where(2);
    if (correlation_id_) {
      where.And("correlation_id = {}::uuid", correlation_id_->ToString());
      where.AndWithin(range_);
    }
    where.AndFilter(filter_);
    where.And("global_position > {}::bigint", fmt::format("{}", forward() ? after_ : end_));
    where.And("global_position < {}::bigint", fmt::format("{}", forward() ? end_ : after_));
    auto read = ReadTable(session, source.table, where, forward() ? "global_position" : "global_position DESC", rows,
                          budget_.bytes());
    if (!read.ok()) return read.status();
    if (read->more && Before(read->events.back().global_position, complete)) {
      complete = read->events.back().global_position;
    }
    cut |= read->bytes >= budget_.bytes();
    std::ranges::move(read->events, std::back_inserter(page.events));
  }
  std::ranges::sort(page.events,
                    [&](const auto& a, const auto& b) { return Before(a.global_position, b.global_position); });
  std::erase_if(page.events, [&](const auto& event) { return Before(complete, event.global_position); });
  std::size_t keep = 0;
  for (std::size_t bytes = 0; keep < page.events.size() && keep < static_cast<std::size_t>(rows); ++keep) {
    if (bytes >= budget_.bytes()) break;
    bytes += page.events[keep].data.size() + page.events[keep].metadata.size();
  }
  const bool trimmed = keep < page.events.size();
  page.events.resize(keep);
  if (!page.events.empty()) after_ = page.events.back().global_position;
  std::erase_if(sources_, [&](const Source& source) { return !Before(after_, Far(source)); });
  budget_.Took(page.events.size(), cut);
  const bool all_read = !trimmed && complete == (forward() ? kLast : kFirst);
  page.last = budget_.exhausted() || all_read || sources_.empty();
  return page;
}

}  // namespace eventstore::storage
