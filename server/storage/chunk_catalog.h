// Which tables hold events_v2, of which times, and which of them are closed. Every read addresses chunks one by one
// through their own tables: one lock and a plan over one table each, so ten years of daily chunks cost no more than the
// chunks a read needs.
//
// The list is cached; how it is kept current is each engine's own (engines/chunk_source.h). A chunk that was dropped may
// show as SQLSTATE 42P01 at its use: call Forget() and read again.
#pragma once

#include <memory>
#include <mutex>

#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/chunk_list.h"
#include "server/storage/engines/chunk_source.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Of one store: its engine, which never changes, is asked for once.
class ChunkCatalog {
 public:
  // Thread-safe; `session` is the caller's.
  absl::StatusOr<std::shared_ptr<const ChunkList>> All(Session& session);
  // A copy of those that overlap [range.from, range.to), oldest first.
  absl::StatusOr<ChunkList> Within(Session& session, const domain::TimeRange& range);

  void Forget();

 private:
  ChunkSource* Source();

  std::mutex mutex_;
  std::unique_ptr<ChunkSource> source_;  // once set it stays
};

}  // namespace eventstore::storage
