// The rows of a legacy table, of a query, or of JSON lines, in the order of (time, id): read through a cursor, some at a
// time. Lines are put into a temporary table of the store's database first, which sorts them on its disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/import/import_runs.h"
#include "server/storage/session.h"
#include "tools/eventctl/moving/mapping.h"
#include "tools/eventctl/moving/row_mapper.h"

namespace eventstore::eventctl {

struct SourceOptions {
  std::string conninfo;  // of the source; of the store for lines
  std::string table;     // "events", "legacy.events"
  std::string query;     // instead of a table
  std::string lines;     // instead of both: a file, or - for standard input
  std::optional<domain::TimeMicros> since;
  std::optional<domain::TimeMicros> until;  // exclusive
};

struct SourceFacts {
  std::int64_t rows = 0;
  std::optional<domain::TimeMicros> first;
  std::optional<domain::TimeMicros> last;
  std::int64_t days = 0;  // on which there is anything
};

class LegacySource {
 public:
  // Connects, looks what columns there are, and stages lines. NOT_FOUND or INVALID_ARGUMENT when the source does not fit
  // the mapping, with what to change.
  static absl::StatusOr<std::unique_ptr<LegacySource>> Open(const SourceOptions& options, const Mapping& mapping);

  // "events at host=... dbname=...", without secrets.
  const std::string& name() const { return name_; }
  const SourceColumns& columns() const { return columns_; }

  absl::StatusOr<SourceFacts> Facts();
  // Ids that several rows have, with the time of the first of them.
  absl::StatusOr<std::unordered_map<std::string, domain::TimeMicros>> TwiceUsedIds();

  // What comes after `place`; with rows that have no time or id, or without.
  absl::Status Seek(const std::optional<storage::ImportPlace>& place, bool with_unplaced);
  // At most `most`; none: the end.
  absl::StatusOr<std::vector<SourceRow>> Next(int most);

 private:
  LegacySource(const SourceOptions& options, const Mapping& mapping);
  absl::Status FindColumns();
  absl::Status StageLines();
  std::string Rows(const std::string& select, const std::string& where) const;

  const SourceOptions options_;
  const Mapping mapping_;
  storage::Session session_;
  std::string name_;
  std::string from_;
  std::string time_sql_;  // microseconds since 1970, or NULL
  std::string id_sql_;    // what rows of the same time are ordered by
  std::string id_type_;   // what its text is cast to
  SourceColumns columns_;
  bool reading_ = false;  // the cursor's transaction is open
};

}  // namespace eventstore::eventctl
