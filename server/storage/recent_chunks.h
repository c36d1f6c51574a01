// The chunks that an event of the last day can be in, for the lookup of event ids on the write path: each is asked through
// its own table, by a statement that is planned once. A lookup in the hypertable would be planned anew for each batch,
// or, worse, with a plan for any time, which opens and locks every chunk there is.
//
// A chunk may appear at any time, made by whoever appends first in it, so every batch asks which there are and compares:
// that costs one index probe, under the lane locks and in the transaction's own snapshots.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/pipeline_session.h"

namespace eventstore::storage {

class RecentChunks {
 public:
  // Lists the chunks anew, in a round trip of its own.
  absl::Status Load(PipelineSession& session);
  void Forget() { known_ = false; }
  bool known() const { return known_; }

  // A select of one integer[]: which chunks there are, by their slices; NULL: none. $2 is dimension().
  static constexpr char kSlices[] =
      "SELECT array_agg(s.id ORDER BY s.id) FROM _timescaledb_catalog.dimension_slice s WHERE s.dimension_id = $2 "
      "AND s.range_end > (extract(epoch FROM now()) * 1000000)::bigint - 86400000000";
  std::int32_t dimension() const { return dimension_; }
  // Whether its answer says that the list is as it was.
  bool IsCurrent(const std::vector<std::int32_t>& slices) const { return known_ && slices == slices_; }

  // One a chunk: $1 uuid[], the ids found come back.
  const std::vector<Prepared>& lookups() const { return lookups_; }

 private:
  bool known_ = false;
  std::int32_t dimension_ = 0;
  std::vector<std::int32_t> slices_;  // ascending
  std::vector<Prepared> lookups_;
};

}  // namespace eventstore::storage
