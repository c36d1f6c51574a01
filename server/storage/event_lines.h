// Events as lines of JSON, for archives: made by PostgreSQL, read back by PostgreSQL, and in between nothing but bytes.
//
// A line is row_to_json of a row of events_v2, with the columns in the order of kEventColumns. It holds every value
// exactly: times have all their microseconds and are in UTC, data and metadata are PostgreSQL's own text of the jsonb,
// what is NULL is null. A line never holds a line break, which JSON escapes.
//
// The digest of some events is the SHA-256 of the SHA-256s of their lines, in the order of their positions. The database
// and whoever reads a file come to it without each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Events of a table. `table` is schema-qualified and quoted.
struct EventRows {
  std::string table;
  // Of those aggregates alone that SelectOver() chose in this session.
  bool selected = false;
};

struct EventDigest {
  std::int64_t events = 0;
  domain::Position least = 0;  // without meaning when there are no events
  domain::Position greatest = 0;
  std::string digest;  // hexadecimal

  bool operator==(const EventDigest&) const = default;
};

// Reads every row once, without sending them. At most some 30 million events, PostgreSQL's limit for one value.
absl::StatusOr<EventDigest> DigestOf(Session& session, const EventRows& rows);

// The lines of another table that is cut by time: its rows in the order of its primary key, with their number as the last
// member, "archive_line". `columns`: of the table, as the lines have them.
struct TableLines {
  std::string sql;
  std::vector<std::string> columns;
};
// `chunk`: one of `table`, which is in the schema public; schema-qualified and quoted.
absl::StatusOr<TableLines> LinesOf(Session& session, const std::string& table, const std::string& chunk);
absl::StatusOr<EventDigest> DigestOf(Session& session, const TableLines& lines);

// How many events of each aggregate type, by type.
struct TypeCount {
  std::string type;
  std::int64_t events = 0;
};
absl::StatusOr<std::vector<TypeCount>> CountTypes(Session& session, const EventRows& rows);

// Chooses the aggregates that a chunk can give up when these types are over: those that have nothing else in it, and
// nothing in any older chunk, so that what is left of an aggregate is its end. In a temporary table of the session.
absl::Status SelectOver(Session& session, const std::string& table, const domain::TimeRange& range,
                        const std::vector<std::string>& types);
// For a plan that nothing is done about: what is chosen now counts as gone for the next chunks.
absl::Status NoteSelected(Session& session, const domain::TimeRange& range);
// At the start of a run.
absl::Status ForgetSelections(Session& session);
// The rows of these aggregates.
absl::Status DeleteSelected(Session& session, const std::string& table);

// In order of positions, as of one moment. In between, the session is in a transaction and serves nothing else.
class EventLineReader {
 public:
  explicit EventLineReader(Session& session) : session_(session) {}
  ~EventLineReader();
  EventLineReader(const EventLineReader&) = delete;
  EventLineReader& operator=(const EventLineReader&) = delete;

  absl::Status Open(const EventRows& rows);
  absl::Status Open(const TableLines& lines) { return OpenSql(lines.sql); }
  // None: that was all, and the transaction is over.
  absl::StatusOr<std::vector<std::string>> Next();

 private:
  absl::Status OpenSql(const std::string& lines);

  Session& session_;
  bool open_ = false;
  int rows_ = 0;
};

// Takes lines back into events_v2, within a transaction of the caller's.
class EventLineWriter {
 public:
  explicit EventLineWriter(Session& session) : session_(session) {}

  absl::Status Begin();
  absl::Status Add(const std::vector<std::string>& lines);
  // Moves them into events_v2; what is there already stays as it is. How many were not there. Then compares what the
  // table holds of them now.
  struct Result {
    std::int64_t inserted = 0;
    EventDigest stored;
  };
  absl::StatusOr<Result> Finish();

 private:
  Session& session_;
};

}  // namespace eventstore::storage
