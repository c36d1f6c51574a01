// Which tables hold events_v2, of which times, and which of them are closed. Every read addresses chunks one by one
// through their own tables: one lock and a plan over one table each, so ten years of daily chunks cost no more than the
// chunks a read needs.
//
// The list is cached. A chunk takes its id from a sequence before it becomes visible, so the cache is current while the
// sequence stands still, once no transaction that could have drawn an id is still running (appends have a transaction
// id before they write anything). What was closed since is counted in store_identity. Either way only what is new is
// read.
//
// When the oldest chunk changes, some were dropped, and the list is read anew. Any other chunk that was dropped shows
// as SQLSTATE 42P01 at its use: call Forget() and read again.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Nothing can be appended to it any more, and the directory knows what it holds.
struct ClosedChunk {
  std::int64_t change = 0;  // store_identity.closed_changes when it was closed
  std::int64_t events = 0;
  domain::Position least = 0;  // without meaning when it holds no events
  domain::Position greatest = 0;
};

struct Chunk {
  std::string table;  // schema-qualified and quoted
  domain::TimeRange range;
  std::optional<ClosedChunk> closed = std::nullopt;

  // Whether what was asked of the directory when closed_changes was `change` says all about it.
  bool ClosedBy(std::int64_t change) const { return closed && closed->change <= change; }
};

using ChunkList = std::vector<Chunk>;  // oldest first

// Those that overlap [range.from, range.to).
std::span<const Chunk> Overlapping(const ChunkList& chunks, const domain::TimeRange& range);

class ChunkCatalog {
 public:
  // Thread-safe; `session` is the caller's.
  absl::StatusOr<std::shared_ptr<const ChunkList>> All(Session& session);
  // A copy of those that overlap [range.from, range.to), oldest first.
  absl::StatusOr<ChunkList> Within(Session& session, const domain::TimeRange& range);

  void Forget();

 private:
  struct Stamp {
    std::string sequence;
    std::int64_t last_id = 0;
    std::int64_t xmin = 0;
    std::int64_t changes = 0;
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
