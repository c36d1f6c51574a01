// The book of migrations from legacy tables: which runs there were, and how far each is (migration_runs,
// migration_places).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/domain/uuid.h"
#include "server/storage/import/importer.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// A row of the source, in its order.
struct ImportPlace {
  domain::TimeMicros time = 0;
  std::string id;
};

struct ImportCounts {
  std::int64_t events = 0;  // rows read
  std::int64_t written = 0;
  std::int64_t already_there = 0;
  std::int64_t skipped = 0;
  std::int64_t clamped = 0;
};

struct ImportRun {
  domain::Uuid id;
  bool resumed = false;
  std::int64_t batch = 0;            // the last one that every part has written
  std::optional<ImportPlace> place;  // behind which to go on; none: from the beginning
};

struct ImportRunSummary {
  std::string id;
  std::string source;
  std::string started_at;  // ISO 8601, UTC
  std::string updated_at;
  std::string finished_at;  // "": not yet
  ImportCounts counts;
};

class ImportRuns {
 public:
  // `session` is the caller's, and outlives this.
  explicit ImportRuns(Session& session) : session_(session) {}

  // Whether nobody else works on this source now. Until the session ends, nobody else will.
  absl::StatusOr<bool> Lock(const std::string& source);

  // The run of this source that did not finish, unless `anew`; else a new one, with this id.
  absl::StatusOr<ImportRun> Begin(const std::string& source, int parts, bool anew, const domain::Uuid& id);
  absl::Status Finish(const domain::Uuid& run);

  // Newest first.
  absl::StatusOr<std::vector<ImportRunSummary>> List(int most);

  // In the transaction of a batch: part `part` is at `place`, and so many more were counted.
  static ImportNote PlaceNote(const domain::Uuid& run, int part, std::int64_t batch,
                              const std::optional<ImportPlace>& place, const ImportCounts& counts);

 private:
  Session& session_;
};

}  // namespace eventstore::storage
