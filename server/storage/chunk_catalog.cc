#include "server/storage/chunk_catalog.h"

#include "server/storage/engines/engine.h"

namespace eventstore::storage {

ChunkSource* ChunkCatalog::Source() {
  const std::scoped_lock lock(mutex_);
  return source_.get();
}

absl::StatusOr<std::shared_ptr<const ChunkList>> ChunkCatalog::All(Session& session) {
  ChunkSource* source = Source();
  if (source == nullptr) {
    auto engine = EngineOf(session);
    if (!engine.ok()) return engine.status();
    const std::scoped_lock lock(mutex_);
    if (!source_) source_ = (*engine)->chunk_source();
    source = source_.get();
  }
  return source->All(session);
}

absl::StatusOr<ChunkList> ChunkCatalog::Within(Session& session, const domain::TimeRange& range) {
  auto all = All(session);
  if (!all.ok()) return all.status();
  const auto within = Overlapping(**all, range);
  return ChunkList(within.begin(), within.end());
}

void ChunkCatalog::Forget() {
  if (ChunkSource* source = Source(); source != nullptr) source->Forget();
}

}  // namespace eventstore::storage
