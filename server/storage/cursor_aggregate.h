// Replay of one aggregate: the head's first and last time bound the chunks, which are then asked one by one.
#pragma once

#include <cstddef>

#include "server/storage/cursor.h"

namespace eventstore::storage {

class AggregateCursor : public Cursor {
 public:
  AggregateCursor(domain::AggregateQuery query, ChunkCatalog& chunks);

  // The first call fixes current_version(), where the read ends.
  absl::StatusOr<Page> Next(Session& session) override;
  void Relist() override { listed_ = false; }

  domain::Version current_version() const { return head_.version; }
  // 0 when no event of it is stored (unknown, or all dropped by retention).
  domain::Version first_available_version() const { return first_available_; }

 private:
  absl::Status Open(Session& session);
  absl::Status List(Session& session);
  absl::StatusOr<domain::Version> OldestStored(Session& session, const ChunkList& chunks) const;
  bool forward() const { return query_.direction == domain::Direction::kForward; }
  bool done() const { return budget_.exhausted() || from_ > to_; }

  const domain::AggregateQuery query_;
  ChunkCatalog& catalog_;
  bool open_ = false;
  bool listed_ = false;
  domain::AggregateHead head_;
  domain::Version first_available_ = 0;
  // What is still to be read: versions from_..to_, in chunks from next_ on (in reading order).
  domain::Version from_ = 1;
  domain::Version to_ = 0;
  ChunkList chunks_;
  std::size_t next_ = 0;
  PageBudget budget_;
};

}  // namespace eventstore::storage
