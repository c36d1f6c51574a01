// Chunks of a hypertable, from TimescaleDB's catalogue.
//
// A chunk takes its id from a sequence before it becomes visible, so the list is current while the sequence stands still,
// once no transaction that could have drawn an id is still running (appends have a transaction id before they write
// anything). What was closed since is counted in store_identity. Either way only what is new is read.
//
// When the oldest chunk changes, some were dropped, and the list is read anew; also when a chunk was opened again
// (chunk_reopener.h), which is closed in the list. Any other chunk that was dropped shows as SQLSTATE 42P01 at its use.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/storage/engines/chunk_source.h"
#include "server/storage/session.h"

namespace eventstore::storage {

class TimescaledbChunks final : public ChunkSource {
 public:
  absl::StatusOr<std::shared_ptr<const ChunkList>> All(Session& session) override;
  void Forget() override;

 private:
  struct Stamp {
    std::string sequence;
    std::int64_t last_id = 0;
    std::int64_t xmin = 0;
    std::int64_t changes = 0;
    std::int64_t reopened = 0;  // what `changes` was when a chunk was last opened again
    std::string oldest;
  };

  struct Known {
    std::shared_ptr<const ChunkList> chunks;
    std::int64_t changes = 0;
  };

  static absl::StatusOr<Stamp> ReadStamp(Session& session);
  // `known` and what has come to it: chunks with ids above `after_id`, and what was closed.
  static absl::StatusOr<Known> Load(Session& session, const Known& known, std::optional<std::int64_t> after_id,
                                    std::int64_t changes);

  std::mutex mutex_;
  Known known_;
  std::string sequence_;         // value of the id sequence when `known_` was read
  std::string oldest_;           // start of the oldest chunk then
  std::int64_t settled_at_ = 0;  // when a snapshot's xmin reaches this, the list for `sequence_` is final
  std::int64_t settled_id_ = 0;  // every chunk up to this id is in the list
  bool settled_ = false;
  std::uint64_t forgotten_ = 0;  // a list that was begun before Forget() is not kept
};

}  // namespace eventstore::storage
