// What is cut off events_v2 by time, for those who look after it: how big it is, what is missing, what goes. One
// implementation an engine (engines/); readers and writers of events do not need it, they have the chunk catalogue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct Partition {
  std::string table;  // schema-qualified and quoted, as in Chunk
  domain::TimeRange range;
  std::int64_t bytes = 0;   // on disk, with indexes and what is stored out of line
  std::int64_t rows = 0;    // of a closed chunk counted when it was closed, else PostgreSQL's estimate
  bool rows_exact = false;  // it is closed
  bool compressed = false;
};

// Holds no state of a store; thread-safe. Each method uses the caller's session, and the caller's transaction if there
// is one.
class Partitions {
 public:
  virtual ~Partitions() = default;

  // Whether partitions have to be there before the first event of their time. Where not (timescaledb), the insert makes
  // them, and Ensure() has nothing to do.
  virtual bool made_ahead() const = 0;

  // Oldest first.
  virtual absl::StatusOr<std::vector<Partition>> List(Session& session) const = 0;

  // Makes what is missing so that every moment of `range` has a partition; how many it made. Safe beside appends and
  // beside another instance doing the same.
  virtual absl::StatusOr<int> Ensure(Session& session, const domain::TimeRange& range) const = 0;

  // Makes partitions of `interval` microseconds, counted from 1970 and cut where others begin, however long the store's own
  // are: one for each of `times`, none of which has one. In one transaction; at most kMostAtOnce. For a past that is
  // imported: the store's interval is as it was for everybody else.
  virtual absl::Status MakeOf(Session& session, std::span<const domain::TimeMicros> times,
                              domain::TimeMicros interval) const = 0;
  // Each takes some dozen entries of PostgreSQL's table of locks.
  static constexpr std::size_t kMostAtOnce = 16;

  // Drops this one table with its events. The caller has seen to its archive, and has set lock_timeout.
  virtual absl::Status Drop(Session& session, const Partition& partition) const = 0;

  // Whether this engine and edition can compress at all.
  virtual bool compresses() const = 0;
  // STORE_INCOMPATIBLE where compresses() is false.
  virtual absl::Status Compress(Session& session, const Partition& partition) const = 0;
};

// Of the engine and the edition that store_identity names. Null: this program does not know the engine.
std::unique_ptr<Partitions> PartitionsOf(const std::string& engine, const std::string& edition);

}  // namespace eventstore::storage
