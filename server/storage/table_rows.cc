#include "server/storage/table_rows.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/storage/recorded_rows.h"

namespace eventstore::storage {
namespace {

// Whoever asks for so many rows has seen small ones, or nothing yet (PageBudget): most are worth reading without adding
// up. What is held of them for a moment is bounded by both numbers.
constexpr int kManyRows = 128;
constexpr std::size_t kSmallRow = domain::kMaxPageBytes / kManyRows;

KeptStatement Statement(std::string sql, int max_rows, std::size_t bytes, const Where& where) {
  pq::Args args{fmt::format("{}", max_rows), fmt::format("{}", bytes)};
  args.insert(args.end(), where.args().begin(), where.args().end());
  return {std::move(sql), std::move(args)};
}

absl::StatusOr<Rows> RunOne(Session& session, KeptStatement statement) {
  auto rows = session.RunKeptTogether({&statement, 1});
  if (!rows.ok()) return rows.status();
  return std::move(rows->front());
}

// Adds small rows up to the first that is none, or that is more than is wanted; whether it got to the end.
bool AddSmallRows(const Rows& rows, int max_rows, std::size_t max_bytes, TableRows& read) {
  for (int row = 0; row < rows.size(); ++row) {
    const bool full = static_cast<int>(read.events.size()) >= max_rows || read.bytes >= max_bytes;
    if (full || IsTooLarge(rows, row)) return false;
    read.Add(RecordedFrom(rows, row));
  }
  return true;
}

absl::StatusOr<TableRows> ReadSmallRows(Session& session, const std::string& table, const Where& where,
                                        const std::string& order, int max_rows, std::size_t max_bytes) {
  auto rows = RunOne(session, Statement(SmallRowsSql(table, where.text(), order), max_rows, kSmallRow, where));
  if (!rows.ok()) return rows.status();
  TableRows read;
  read.events.reserve(static_cast<std::size_t>(rows->size()));
  read.more = !AddSmallRows(*rows, max_rows, max_bytes, read) || rows->size() >= max_rows;
  return read;
}

}  // namespace

void TableRows::Add(domain::RecordedEvent event) {
  bytes += PayloadBytes(event);
  events.push_back(std::move(event));
}

absl::StatusOr<TableRows> ReadTable(Session& session, const std::string& table, const Where& where,
                                    const std::string& order, int max_rows, std::size_t max_bytes) {
  if (max_rows >= kManyRows) {
    auto small = ReadSmallRows(session, table, where, order, max_rows, max_bytes);
    // Without a single one, the first row is a large one.
    if (!small.ok() || !small->events.empty() || !small->more) return small;
  }
  auto rows = RunOne(session, Statement(PageSql(table, where.text(), order), max_rows, max_bytes, where));
  if (!rows.ok()) return rows.status();
  TableRows read;
  read.events.reserve(static_cast<std::size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) read.Add(RecordedFrom(*rows, row));
  read.more = rows->size() >= max_rows || read.bytes >= max_bytes;
  return read;
}

std::size_t NeededTables(std::span<const TablePart> parts, int rows) {
  std::size_t needed = 0;
  for (std::int64_t left = rows; needed < std::min(parts.size(), kTablesAtOnce) && left > 0; ++needed) {
    if (!parts[needed].rows) return needed + 1;
    left -= *parts[needed].rows;
  }
  return needed;
}

absl::StatusOr<TablesRead> ReadTables(Session& session, std::span<const TablePart> parts, const Where& where,
                                      const std::string& order, int max_rows, std::size_t max_bytes) {
  const auto one_by_one = [&]() -> absl::StatusOr<TablesRead> {
    auto rows = ReadTable(session, *parts.front().table, where, order, max_rows, max_bytes);
    if (!rows.ok()) return rows.status();
    const std::size_t done = rows->more ? 0 : 1;
    return TablesRead{*std::move(rows), done};
  };
  const std::size_t needed = NeededTables(parts, max_rows);
  if (needed <= 1) return one_by_one();
  const std::size_t small = std::max(kSmallRow, max_bytes / static_cast<std::size_t>(max_rows));
  std::vector<KeptStatement> statements;
  std::vector<int> most;
  std::int64_t left = max_rows;
  for (const TablePart& part : parts.first(needed)) {
    // One more than there are, so that whoever gets as many as there are knows that these were all.
    most.push_back(static_cast<int>(part.rows ? std::min(left, *part.rows + 1) : left));
    statements.push_back(Statement(SmallRowsSql(*part.table, where.text(), order), most.back(), small, where));
    left -= part.rows.value_or(0);
  }
  auto rows = session.RunKeptTogether(statements);
  if (!rows.ok()) return rows.status();
  TablesRead read;
  read.rows.events.reserve(static_cast<std::size_t>(max_rows));
  while (read.done < needed && !read.rows.more) {
    const Rows& one = rows->at(read.done);
    read.rows.more = !AddSmallRows(one, max_rows, max_bytes, read.rows) || one.size() >= most[read.done];
    if (!read.rows.more) ++read.done;
  }
  if (read.done == 0 && read.rows.events.empty()) return one_by_one();  // the first row is a large one
  return read;
}

}  // namespace eventstore::storage
