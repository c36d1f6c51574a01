// A plain table of a user's own becomes one that is cut by time, in steps that may be interrupted (migration 0032, which says
// why no row is lost and none is doubled). Whoever calls asks, steps and shows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct ConversionRequest {
  std::string table;  // in the schema public
  std::string time_column;
  std::string id_column;           // "": the primary key's
  std::string interval = "1 day";  // as PostgreSQL writes intervals
  std::string compress_by;         // "": the id
  std::optional<int> compress_after_days = std::nullopt;
  std::optional<int> retention_days = std::nullopt;
};

struct ConversionPlan {
  std::string id_column;
  std::int64_t rows = 0;
  std::int64_t chunks = 0;
  // Each for people. Refused ones first: with any of them nothing can be done.
  std::vector<std::string> refused;
  std::vector<std::string> dropped;
  std::vector<std::string> changed;
  std::vector<std::string> kept;
  // It had begun before, and so many rows are copied.
  std::optional<std::int64_t> begun = std::nullopt;
};

// Partitions that a conversion may make: each has a table and its indexes.
inline constexpr std::int64_t kMaxConvertedChunks = 5'000;

// Reads only, but all of the table once.
absl::StatusOr<ConversionPlan> PlanConversion(Session& session, const ConversionRequest& request);

struct ConversionProgress {
  enum class Doing { kCopying, kIndexing, kCatchingUp, kSwapping };
  Doing doing = Doing::kCopying;
  std::int64_t rows = 0;  // copied in all
};

struct ConversionControl {
  std::function<void(const ConversionProgress&)> progress;
  std::function<bool()> stop;   // end after the step at hand: it can be begun again
  std::function<void()> pause;  // between two tries to have a lock
  int rows_a_step = 5'000;
};

// From the beginning or from where it was. False: it was stopped. Where a lock cannot be had, which is tried for a second at
// a time so that nobody waits long, it is tried again, a hundred times.
absl::StatusOr<bool> ConvertTable(Session& session, const ConversionRequest& request, const ConversionControl& control);

// Takes a conversion back that has begun; the table is as it was. False: none has.
absl::StatusOr<bool> AbandonConversion(Session& session, const std::string& table);

}  // namespace eventstore::storage
