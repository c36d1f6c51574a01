// Checks a whole database for invariants 1 (versions are 1..n) and 2 (one order), for its heads, and for ids and
// positions that occur twice. Writes nothing but temporary tables of its own session.
//
// What is checked is one moment: a session holds a REPEATABLE READ snapshot and every statement reads under it, so the
// check is exact while appends go on. The price: for its length VACUUM keeps rows that changed since (those of
// aggregate_heads; events never change). It does not hold up subscribers: the holder has no transaction id, and the
// sessions that write temporary rows have one for the length of one chunk each.
//
// Memory is bounded here and in PostgreSQL (work_mem 64 MB for each sort); on PostgreSQL's disk it takes about 60 bytes
// an event and 110 bytes for each aggregate in each chunk. Each chunk is read by its own name in a transaction of its
// own, so that thousands need no more locks than one.
//
// A chunk that retention drops meanwhile counts as dropped before. Do not run it while chunks are being compressed:
// compressing empties a chunk in a way that older snapshots see.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/time.h"

namespace eventstore::storage {

// One broken rule in one place. Rules:
//   version_below_one, version_gap, duplicate_version    versions count up by one from 1
//   timestamp_order, position_order                      they follow the version order
//   missing_beginning    the first events are gone, and not because retention took the chunk they were in, or its part
//   event_without_head, head_without_events, head_version, head_first_timestamp, head_last_timestamp
//   duplicate_event_id, duplicate_position               anywhere in the store
//   directory            what is recorded of a closed chunk is not what it holds, or it is not closed for appends
struct Violation {
  std::string rule;
  std::string aggregate_id;
  // The version before and the one at which it shows; equal when it is about one version, 0 when about none.
  std::int64_t from_version = 0;
  std::int64_t to_version = 0;
  std::string detail;  // for people
};

struct VerifyReport {
  std::int64_t aggregates = 0;  // with a head, an event or both
  std::int64_t events = 0;
  int chunks = 0;
  // Not violations: their events were in chunks that are not there any more.
  std::int64_t aggregates_without_beginning = 0;
  std::int64_t aggregates_without_events = 0;
  int chunks_dropped_meanwhile = 0;

  std::vector<Violation> violations;  // at most VerifyOptions::max_violations
  bool more_violations = false;       // there are others beside these

  bool clean() const { return violations.empty(); }
};

struct VerifyOptions {
  std::size_t max_violations = 100;
  // Only chunks that begin then or later, and the aggregates that have events since: a part of the store by itself. What
  // lies before counts as dropped.
  std::optional<domain::TimeMicros> since = std::nullopt;
  // Of each statement; 0: none.
  std::chrono::milliseconds statement_timeout{0};
  // The backend that does the work, for whoever may want to cancel it. May be empty.
  std::function<void(int backend_pid)> working = nullptr;
};

struct VerifyProgress {
  const char* step = "";  // "chunks", "order", "heads", "duplicates" or "directory"
  int chunks_done = 0;
  int chunks_total = 0;
  std::int64_t events = 0;
};

class Verifier {
 public:
  explicit Verifier(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  using Progress = std::function<void(const VerifyProgress&)>;
  // Ok with a report whether the store is clean or not; an error when it could not be read.
  absl::StatusOr<VerifyReport> Run(const VerifyOptions& options, const Progress& progress) const;

 private:
  std::string conninfo_;
};

}  // namespace eventstore::storage
