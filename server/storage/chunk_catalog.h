// Which tables hold events_v2, and of which times. Every read addresses chunks one by one through their own tables:
// one lock and a plan over one table each, so ten years of daily chunks cost no more than the chunks a read needs.
//
// The list is cached. A chunk takes its id from a sequence before it becomes visible, so the cache is current while the
// sequence stands still, once no transaction that could have drawn an id is still running (appends have a transaction id
// before they write anything). A chunk that was dropped shows as SQLSTATE 42P01 at its use: call Forget() and read again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct Chunk {
  std::string table;  // schema-qualified and quoted
  domain::TimeRange range;
};

using ChunkList = std::vector<Chunk>;

class ChunkCatalog {
 public:
  // Oldest first. Thread-safe; `session` is the caller's.
  absl::StatusOr<std::shared_ptr<const ChunkList>> All(Session& session);
  // Those that overlap [range.from, range.to), oldest first.
  absl::StatusOr<ChunkList> Within(Session& session, const domain::TimeRange& range);

  void Forget();

 private:
  absl::StatusOr<std::shared_ptr<const ChunkList>> Load(Session& session);

  std::mutex mutex_;
  std::shared_ptr<const ChunkList> chunks_;
  std::string sequence_;         // value of the id sequence when `chunks_` was read
  std::int64_t settled_at_ = 0;  // when a snapshot's xmin reaches this, the list for `sequence_` is final
  bool settled_ = false;
};

}  // namespace eventstore::storage
