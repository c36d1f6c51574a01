// Writes some of the lanes of a migration: its part of each batch, in as many transactions as that takes, the last of which
// says how far it is. Again while the database is away, since a batch may be repeated; rows that the database refuses
// are left out one by one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/import/import_runs.h"
#include "server/storage/import/importer.h"

namespace eventstore::eventctl {

// What did not become an event, or not as it was.
struct MoveRemark {
  std::string id;     // of the row; "": it has none
  std::string field;  // "data", "aggregate_id", ...
  std::string reason;
  bool skipped = true;  // false: it is stored, and this is worth knowing
};

// Rows of the source, by parts.
struct MoveBatch {
  std::int64_t number = 0;
  std::int64_t rows = 0;
  std::vector<std::vector<domain::ImportedEvent>> parts;
  std::vector<MoveRemark> remarks;
  std::optional<storage::ImportPlace> place;  // of the last row
  std::int64_t skipped = 0;
};

struct WrittenPart {
  absl::Status status = absl::OkStatus();
  storage::ImportCounts counts;
  std::vector<MoveRemark> remarks;
};

class PartWriter {
 public:
  struct Options {
    domain::Uuid run;
    std::size_t part = 0;
    bool dry_run = false;
    std::chrono::seconds patience{120};  // for a database that went away
  };

  PartWriter(const std::string& store, Options options);

  storage::Importer& importer() { return importer_; }

  WrittenPart Write(const MoveBatch& batch);

 private:
  using Events = std::span<const domain::ImportedEvent>;

  absl::Status WritePieces(Events events, const storage::ImportNotes& last, WrittenPart& written);
  absl::Status WritePatiently(Events events, const storage::ImportNotes& notes, WrittenPart& written);

  const Options options_;
  storage::Importer importer_;
};

}  // namespace eventstore::eventctl
