// Events read from chunks' own tables: from one, or from several in one round trip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/storage/session.h"
#include "server/storage/where.h"

namespace eventstore::storage {

struct TableRows {
  void Add(domain::RecordedEvent event);

  std::vector<domain::RecordedEvent> events;
  std::size_t bytes = 0;
  bool more = false;  // the table may hold more: rows or bytes ran out
};

// Rows of one table: PageSql with `where`, whose parameters start at $3. The row that crosses `max_bytes` is still given.
absl::StatusOr<TableRows> ReadTable(Session& session, const std::string& table, const Where& where,
                                    const std::string& order, int max_rows, std::size_t max_bytes);

// A table to be read, and how many rows it has of those that are asked for: so many or fewer, or not known.
struct TablePart {
  const std::string* table;
  std::optional<std::int64_t> rows = std::nullopt;
};

// How many tables are read at once at most. Each is locked until the last of them is read, with all of its indexes when
// it is planned: 9 locks, of a lock table that has room for 64 a connection.
inline constexpr std::size_t kTablesAtOnce = 16;

// How many of `parts`, from the first on, are needed for `rows`, and so may be asked at once: if all have as many rows as
// they may, one table less would not do. What is not known is asked alone, or last.
std::size_t NeededTables(std::span<const TablePart> parts, int rows);

struct TablesRead {
  TableRows rows;        // of all, in their order; `more`: of the one that is not done
  std::size_t done = 0;  // of `parts`, so many have nothing more
};

// Reads NeededTables() of `parts`, all with the same `where`, in one round trip. What is held for a moment is bounded by
// `max_rows` and `max_bytes`. There may be more to read when not all of `parts` are done. At least one row, or one that is done.
absl::StatusOr<TablesRead> ReadTables(Session& session, std::span<const TablePart> parts, const Where& where,
                                      const std::string& order, int max_rows, std::size_t max_bytes);

}  // namespace eventstore::storage
