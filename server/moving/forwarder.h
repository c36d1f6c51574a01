// Legacy table -> store: brings the rows that a trigger noted in legacy_outbox into the store, and takes them out of it in the
// same transaction. So each comes exactly once, wherever this is killed; and an event whose id is in the store already, by a
// migration or another run, is left alone.
//
// Order: only settled rows are taken (their transaction is below the snapshot's xmin), by transaction and then as they were
// written, and within a batch by time. So of two rows of an aggregate the one that was committed first comes first; what is
// earlier by its time and was committed later gets a later time, as in any import.
//
// A row that the store does not take is given its reason and stays; the others go on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/import.h"
#include "server/moving/row_rule.h"
#include "server/storage/import/importer.h"
#include "server/storage/session.h"

namespace eventstore::moving {

struct ForwardStep {
  int taken = 0;          // rows that left the outbox
  int already_there = 0;  // of these
  int refused = 0;        // rows that the store does not take
  int mirrored = 0;       // events of the store that were tried again and are in the legacy table now
  bool more = false;      // the batch was full
};

// Used by one thread at a time.
class Forwarder {
 public:
  static constexpr int kMaxBatch = 5'000;

  Forwarder(const std::string& conninfo, MakeRowRule rule)
      : rule_(std::move(rule)), session_(conninfo, "dual-write"), importer_(conninfo, "dual-write import") {}

  // Of all forwarders only one works: false when it is another. Held until this one ends or its connection does.
  absl::StatusOr<bool> TakeTurn();

  // One batch. `settled_only` false: also rows of transactions that may have older ones beside them; the caller knows that
  // nobody writes to the legacy table, which is then left alone here, too.
  absl::StatusOr<ForwardStep> Step(int batch, bool settled_only = true);

  // Forgets why rows were refused, so that they are tried again. How many.
  absl::StatusOr<std::int64_t> RetryRefused();

 private:
  struct Row;
  struct Waiting;

  absl::StatusOr<Waiting> ReadRows(int batch, bool settled_only);
  absl::Status Import(std::vector<Row> rows, ForwardStep& step);
  absl::Status Refuse(std::int64_t seq, const std::string& why);

  const MakeRowRule rule_;
  storage::Session session_;
  storage::Importer importer_;
  std::uint64_t turn_generation_ = 0;
};

}  // namespace eventstore::moving
