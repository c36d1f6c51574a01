// What a user did, in time order; ties of time are broken by position. The directory names the closed chunks.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "server/storage/chunk_selection.h"
#include "server/storage/cursor.h"
#include "server/storage/table_rows.h"

namespace eventstore::storage {

class UserCursor : public Cursor {
 public:
  UserCursor(domain::UserQuery query, ChunkCatalog& chunks);
  absl::StatusOr<Page> Next(Session& session) override;
  void Relist() override { listed_ = false; }

 private:
  absl::Status List(Session& session);
  absl::StatusOr<Page> NextListed(Session& session);
  bool forward() const { return query_.direction == domain::Direction::kForward; }

  const domain::UserQuery query_;
  ChunkCatalog& catalog_;
  bool listed_ = false;
  Selection selection_;
  std::vector<TablePart> parts_;  // of its chunks
  std::size_t next_ = 0;
  // Chunks that start in left_ are still to be read; the next list begins at rest_ when there are more than were
  // listed.
  domain::TimeRange left_;
  domain::TimeRange rest_;
  bool more_ = false;
  std::optional<std::pair<domain::TimeMicros, domain::Position>> after_;
};

}  // namespace eventstore::storage
