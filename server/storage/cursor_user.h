// What a user did, in time order; ties of time are broken by position.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "server/storage/cursor.h"

namespace eventstore::storage {

class UserCursor : public Cursor {
 public:
  UserCursor(domain::UserQuery query, ChunkCatalog& chunks);
  absl::StatusOr<Page> Next(Session& session) override;
  void Relist() override { listed_ = false; }

 private:
  bool forward() const { return query_.direction == domain::Direction::kForward; }

  const domain::UserQuery query_;
  ChunkCatalog& catalog_;
  bool listed_ = false;
  ChunkList chunks_;
  std::size_t next_ = 0;
  std::optional<std::pair<domain::TimeMicros, domain::Position>> after_;
  PageBudget budget_;
};

}  // namespace eventstore::storage
