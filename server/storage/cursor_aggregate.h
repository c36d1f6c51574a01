// Replay of one aggregate. The directory names the closed chunks that hold the versions asked for; those that are open
// are asked if they lie between the head's first and last time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/storage/chunk_selection.h"
#include "server/storage/cursor.h"
#include "server/storage/table_rows.h"

namespace eventstore::storage {

class AggregateCursor : public Cursor {
 public:
  AggregateCursor(const domain::AggregateQuery& query, ChunkCatalog& chunks);

  // The first call fixes current_version(), where the read ends.
  absl::StatusOr<Page> Next(Session& session) override;
  void Relist() override { listed_ = false; }

  domain::Version current_version() const { return head_.version; }
  // 0 when no event of it is stored (unknown, or all dropped by retention).
  domain::Version first_available_version() const { return first_available_; }

 private:
  absl::Status List(Session& session);
  absl::StatusOr<domain::Version> OldestStored(Session& session, const ChunkList& list, std::int64_t changes) const;
  absl::StatusOr<Page> NextListed(Session& session);
  // The chunks to be read next, when versions from..to of them are left.
  std::vector<TablePart> Parts(std::size_t at, domain::Version from, domain::Version to) const;
  bool forward() const { return query_.direction == domain::Direction::kForward; }
  bool done() const { return budget_.exhausted() || from_ > to_; }

  const domain::AggregateQuery query_;
  ChunkCatalog& catalog_;
  bool open_ = false;
  bool listed_ = false;
  domain::AggregateHead head_;
  domain::Version first_available_ = 0;
  // What is still to be read: versions from_..to_, in chunks from next_ on; then, if there are more places than were
  // listed, in chunks to be listed anew.
  domain::Version from_ = 1;
  domain::Version to_ = 0;
  Selection selection_;
  // Of the chunks of selection_, where the directory knows.
  struct Versions {
    domain::Version first;
    domain::Version last;
  };
  std::vector<std::optional<Versions>> versions_;
  std::size_t next_ = 0;
  bool more_ = false;
  // Where the versions of the chunks that are listed end, in reading order, when there are more.
  domain::Version listed_to_ = 0;
};

}  // namespace eventstore::storage
