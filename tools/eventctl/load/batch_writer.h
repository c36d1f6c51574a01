// Stores batches of lines, each line once, whatever was stored by earlier runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/client.h"
#include "tools/eventctl/load/batch.h"

namespace eventstore::eventctl {

struct LoadCounts {
  std::uint64_t stored = 0;   // written by this run
  std::uint64_t present = 0;  // were there already
  std::uint64_t refused = 0;
};

// One per worker: it sees all lines of its aggregates, in order. How a line comes to be stored exactly once:
//
//   * Every append expects a version: what this worker knows, 0 for an aggregate it has not seen. So a store that has
//     other events of the aggregate answers with a conflict instead of taking a line twice.
//   * After a conflict the aggregate is read: its version, and the ids it has. Lines with such an id are passed over,
//     the others are sent again.
//   * A run that repeats an earlier one batch by batch never gets there: the server knows the ids and answers as before.
//
// A batch that is refused for another reason is cut in two until the line is found that is to blame.
class BatchWriter {
 public:
  // Told about a line that cannot be stored; an error ends the load, OK goes on without the line.
  using Refuse = std::function<absl::Status(const NumberedLine& line, const absl::Status& why)>;

  // Events at or below `old_position` were stored before this run.
  BatchWriter(const client::EventStoreClient& store, client::CallOptions call, std::int64_t old_position,
              Refuse refuse);

  absl::Status Write(const Batch& batch);

  const LoadCounts& counts() const { return counts_; }

 private:
  struct Known {
    std::int32_t version = 0;
    // Ids stored before this worker came to the aggregate that it has not met in its input yet. 16 bytes each.
    std::unordered_set<std::string> stored_ids;
  };
  using Lines = std::vector<const NumberedLine*>;

  absl::Status WriteLines(Lines lines);
  // One attempt at all of `lines`.
  absl::Status Append(const Lines& lines);
  Lines WithoutPresent(const Lines& lines);
  // Reads the aggregates of `lines` that the conflict is about.
  absl::Status Learn(const Lines& lines, const absl::Status& conflict);
  absl::Status LearnAggregate(const std::string& aggregate_id);

  const client::EventStoreClient& store_;
  const client::CallOptions call_;
  const std::int64_t old_position_;
  const Refuse refuse_;
  std::unordered_map<std::string, Known> known_;
  LoadCounts counts_;
};

}  // namespace eventstore::eventctl
