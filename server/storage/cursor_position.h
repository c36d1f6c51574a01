// Reads in global order: ReadAll, and the events of one correlation.
//
// Chunks follow time, positions follow transactions, and neighbouring chunks may overlap in positions (a clock that
// jumps back makes more of it). So chunks are merged: each is asked only when its smallest position is not above what
// the others have surely given, and no more when the page is full. Of closed chunks the positions are known; of those
// that are open they are asked, and which closed ones hold what is asked for, the directory says.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "server/storage/chunk_directory.h"
#include "server/storage/cursor.h"
#include "server/storage/where.h"

namespace eventstore::storage {

class PositionCursor : public Cursor {
 public:
  // All events matching the filter below the horizon of the first page.
  PositionCursor(domain::ReadAllQuery query, ChunkCatalog& chunks);
  // The correlation's events that are visible at the first page.
  PositionCursor(const domain::CorrelationQuery& query, ChunkCatalog& chunks);

  // Events after a position and below a horizon that was read before.
  PositionCursor(domain::EventFilter filter, domain::Position after, domain::Position horizon, ChunkCatalog& chunks);

  absl::StatusOr<Page> Next(Session& session) override;
  void Relist() override { listed_ = false; }

  // Next() answers EVENTS_DROPPED when retention has dropped what follows the place of the read: for the first kind of
  // cursor, if it reads forward, and after this for the last kind. `known`: ReadGoneUpTo() of before, which is no news.
  // Consumer groups need none of it, since retention waits for them.
  void NoticeDrops(domain::Position known) {
    notices_drops_ = true;
    known_gone_ = known;
  }
  // What it knows to be gone now.
  domain::Position known_gone() const { return known_gone_.value_or(0); }

 private:
  struct Source {
    const Chunk* chunk;  // in list_
    domain::Position least;
    domain::Position greatest;
  };

  using Events = std::vector<domain::RecordedEvent>;
  struct Ready {
    int events = 0;
    std::size_t bytes = 0;
  };

  absl::Status Prepare(Session& session);
  absl::Status Open(Session& session);
  // The rows of a chunk that are still to be read.
  Where Wanted() const;
  // What this position and those that follow it cannot come before. If it fills the page, they are not needed for it.
  Ready ReadyBefore(const Events& events, domain::Position position) const;
  // Cuts the page to its rows and bytes; whether anything was cut.
  bool Trim(Events& events, std::size_t rows) const;
  absl::Status List(Session& session);
  absl::Status NoticeGone(Session& session);
  absl::Status Probe(Session& session, std::span<const Chunk* const> chunks);
  // The closed ones of `chunks` that hold what is asked for, by their starts; nullopt: any may, by what the directory
  // says.
  absl::StatusOr<std::optional<Places>> Find(Session& session, std::span<const Chunk> chunks) const;
  bool MayHold(const ClosedChunk& chunk) const;
  bool forward() const { return direction_ == domain::Direction::kForward; }
  // In reading order: smaller comes first.
  bool Before(domain::Position a, domain::Position b) const { return forward() ? a < b : a > b; }
  domain::Position Near(const Source& source) const { return forward() ? source.least : source.greatest; }
  domain::Position Far(const Source& source) const { return forward() ? source.greatest : source.least; }

  const domain::EventFilter filter_;
  const std::optional<domain::Uuid> correlation_id_;
  const domain::TimeRange range_;
  const domain::Direction direction_;
  ChunkCatalog& catalog_;
  bool open_ = false;
  bool listed_ = false;
  bool notices_drops_ = false;
  std::optional<domain::Position> known_gone_;
  // Events strictly between these are still to be read; after_ moves in reading order.
  domain::Position after_;
  domain::Position end_;
  std::shared_ptr<const ChunkList> list_;
  std::vector<Source> sources_;  // by Near()
};

// EVENTS_DROPPED when events up to `gone` were dropped and `after` is below that.
absl::Status CheckNotGone(domain::Position after, domain::Position gone);

}  // namespace eventstore::storage
