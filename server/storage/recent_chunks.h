// The chunks that an event of the last day can be in, for the lookup of event ids on the write path: each is asked through
// its own table, by a statement that is planned once. A lookup in all of events_v2 would be planned anew for each batch,
// or, worse, with a plan for any time, which opens and locks every chunk there is.
//
// A chunk may appear at any time, made by whoever appends first in it, so every batch asks for the engine's stamp and
// compares: that is cheap, under the lane locks and in the transaction's own snapshots.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/engines/recent_sql.h"
#include "server/storage/pipeline_session.h"

namespace eventstore::storage {

class RecentChunks {
 public:
  // As the store's engine says it; forgets what is known. To be called before anything else.
  void Use(const RecentSql& sql);
  const RecentSql& sql() const { return *sql_; }

  // Lists the chunks anew, in two round trips of its own.
  absl::Status Load(PipelineSession& session);
  void Forget() { known_ = false; }
  bool known() const { return known_; }

  std::int32_t scope() const { return scope_; }
  // Whether the stamp says that the list is as it was.
  bool IsCurrent(const std::string& stamp) const { return known_ && stamp == stamp_; }

  // One a chunk: $1 uuid[], the ids found come back.
  const std::vector<Prepared>& lookups() const { return lookups_; }

 private:
  const RecentSql* sql_ = nullptr;  // of the table of engines
  bool known_ = false;
  std::int32_t scope_ = 0;
  std::string stamp_;
  std::vector<Prepared> lookups_;
};

}  // namespace eventstore::storage
