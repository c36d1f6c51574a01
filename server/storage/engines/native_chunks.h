// Partitions of events_v2, from PostgreSQL's own catalogue (migrations/native/0003_events_v2.sql).
//
// The list holds every partition of the past and of today and those below `reach`; the ones beyond were made ahead and are
// empty, and a read that opened them would open a month of nothing. It is current while the stamp stands still. The
// stamp changes
//   - when a partition was made, attached, detached or dropped, by whomever: PostgreSQL tells every session of it before
//     whoever did it lets go of events_v2, so before an event can be in a new one;
//   - when an append raises `reach`, in the append's own transaction: whoever sees its events sees that too;
//   - when another partition's time begins.
// When it changes, or a chunk was opened again (chunk_reopener.h), the list is read anew as a whole. That happens about once a day; what it takes
// grows with their number.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "server/storage/engines/chunk_source.h"
#include "server/storage/session.h"

namespace eventstore::storage {

class NativeChunks final : public ChunkSource {
 public:
  absl::StatusOr<std::shared_ptr<const ChunkList>> All(Session& session) override;
  void Forget() override;

 private:
  struct Known {
    std::shared_ptr<const ChunkList> chunks;
    std::string stamp;
    std::int64_t changes = 0;  // store_identity.closed_changes
  };

  struct Stamp {
    Known now;                  // without chunks
    std::int64_t reopened = 0;  // what `changes` was when a chunk was last opened again
  };

  static absl::StatusOr<Stamp> ReadStamp(Session& session);
  static absl::Status Load(Session& session, ChunkList& chunks);

  std::mutex mutex_;
  Known known_;
  std::uint64_t forgotten_ = 0;  // a list that was begun before Forget() is not kept
};

}  // namespace eventstore::storage
