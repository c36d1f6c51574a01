// Writes events of long ago, with their own ids and times, into events_v2 and aggregate_heads: beside the append path
// and under its rules. One transaction for each batch:
//
//   BEGIN, the closer's lock (shared), the lanes of the batch's aggregates in ascending order, heads, transaction id
//   -> which ids are stored? -> domain::PlanImport -> closed chunks it writes to are opened again
//   -> events, heads and what the caller adds, in that transaction; COMMIT
//
// Appends and other imports may run beside it: what they write to an aggregate comes before or after a batch, never in
// between. An event whose id is stored is left alone, so a batch may be repeated at any time: what was lost at COMMIT is
// found out by writing it again.
//
// How it knows which ids are stored: an event that is later than its aggregate's last one cannot be. Any other is looked
// up in the chunk of its own time, and among those that were clamped (table import_clamped), the only ones that are not
// at their own time. An id that is stored at the same time in another aggregate is found by the primary key.
// Not found is: an id that is stored at another time in another aggregate, or that was appended by its id alone.
//
// One thread. To write faster, use two importers, each for its own lanes (domain::LaneOf): of one aggregate all events
// must come through one of them, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/import.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/import/chunk_maker.h"
#include "server/storage/partitions.h"
#include "server/storage/pipeline_session.h"
#include "server/storage/session.h"
#include "server/storage/store_identity.h"

namespace eventstore::storage {

// A statement of the caller's own in the transaction of a batch, after its events: where it is in its source, say. It
// is run again when the batch is.
struct ImportNote {
  Prepared statement;
  Parameters parameters;
};

struct ImportResult {
  std::vector<domain::ImportVerdict> verdicts;  // one for each event, in order
  int written = 0;
  int already_there = 0;
  int clamped = 0;
};

// Notes that depend on what becomes of the batch. Called between the decision and the writing, once for each try.
using ImportNotes = std::function<std::vector<ImportNote>(const ImportResult&)>;

class Importer {
 public:
  // Of a batch; one that has more is refused as LIMIT_EXCEEDED. Different days (UTC) of its events: its transaction locks
  // every chunk it writes to, with all indexes, and PostgreSQL's lock table holds 6,400 entries by default.
  static constexpr std::size_t kMaxDays = 128;
  static constexpr std::size_t kMaxEvents = 10'000;

  // `conninfo` of the store. `role` shows in pg_stat_activity as "eventstored <role>". Two connections.
  Importer(const std::string& conninfo, const std::string& role);

  // Writes a batch, which may be empty if there are notes. The events are validated, in the order their aggregates shall
  // have them.
  //
  // Errors: DATABASE_UNAVAILABLE (also when the connection was lost at COMMIT: nothing or all was written, repeat the
  // batch), STORE_INCOMPATIBLE, LIMIT_EXCEEDED; anything else is INTERNAL. After any error nothing more of this batch is
  // written.
  absl::StatusOr<ImportResult> Write(std::span<const domain::ImportedEvent> events,
                                     std::span<const ImportNote> notes = {});
  absl::StatusOr<ImportResult> WriteNoting(std::span<const domain::ImportedEvent> events, const ImportNotes& notes);

  // What Write() would give, without writing anything: for a rehearsal. Takes the same locks for a moment.
  absl::StatusOr<ImportResult> Rehearse(std::span<const domain::ImportedEvent> events);

  // The default makes those of the store's own length.
  void UseChunkMaker(std::shared_ptr<ChunkMaker> maker) { chunk_maker_ = std::move(maker); }

  // Keeps chunks from being closed from now on until the connection ends, and not only during each batch: a long import
  // would have them closed behind it and open them again. Again after a lost connection, by itself.
  void HoldChunksOpen() { hold_open_ = true; }

  // Of the store, once a batch was written or Prepare() was called. Not beside a call in another thread.
  int lanes() const { return identity_.lanes; }
  const StoreIdentity& identity() const { return identity_; }
  // Connects both sessions, if they are not, and checks the store.
  absl::Status Prepare();

 private:
  static constexpr int kMaxTries = 4;
  struct Before;
  // Where an id may be.
  struct At {
    domain::Uuid id;
    domain::TimeMicros time = 0;
  };

  // Without `notes`: a rehearsal.
  absl::StatusOr<ImportResult> Repeatedly(std::span<const domain::ImportedEvent> events, const ImportNotes* notes);
  absl::StatusOr<ImportResult> TryWrite(std::span<const domain::ImportedEvent> events, const ImportNotes* notes,
                                        bool look_up_all);
  absl::StatusOr<Before> Begin(std::span<const domain::ImportedEvent> events);
  absl::Status FindStored(const std::vector<At>& places, domain::StoredIds& stored);
  absl::Status MakeRoom(const domain::ImportPlan& plan);
  absl::Status WriteAndCommit(const domain::ImportPlan& plan, std::span<const ImportNote> notes);
  void Rollback();

  PipelineSession session_;  // of the transaction
  Session reader_;           // reads and opens chunks, while the transaction holds the locks
  ChunkCatalog catalog_;
  StoreIdentity identity_;
  std::unique_ptr<Partitions> partitions_;
  std::shared_ptr<ChunkMaker> chunk_maker_ = std::make_shared<ChunkMaker>(0);
  std::uint64_t prepared_generation_ = 0;
  std::uint64_t reader_generation_ = 0;
  std::uint64_t held_generation_ = 0;
  bool hold_open_ = false;
};

}  // namespace eventstore::storage
