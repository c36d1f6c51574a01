#include "server/storage/cursor.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

constexpr char kUndefinedTable[] = "42P01";
// Planning a read of a chunk locks the chunk and then its rows in TimescaleDB's catalogue; dropping it, the other way
// round.
constexpr char kDeadlock[] = "40P01";

// Whoever asks for so many rows has seen small ones, or nothing yet (PageBudget): most are worth reading without adding
// up. What is held of them for a moment is bounded by both numbers.
constexpr int kManyRows = 128;
constexpr std::size_t kSmallRow = domain::kMaxPageBytes / kManyRows;

pq::Args Arguments(int max_rows, std::size_t bytes, const Where& where) {
  pq::Args args{fmt::format("{}", max_rows), fmt::format("{}", bytes)};
  args.insert(args.end(), where.args().begin(), where.args().end());
  return args;
}

// Up to the first that is no small one.
absl::StatusOr<TableRows> ReadSmallRows(Session& session, const std::string& table, const Where& where,
                                        const std::string& order, int max_rows, std::size_t max_bytes) {
  auto rows = session.RunKept(SmallRowsSql(table, where.text(), order), Arguments(max_rows, kSmallRow, where));
  if (!rows.ok()) return rows.status();
  TableRows read;
  read.events.reserve(static_cast<std::size_t>(rows->size()));
  for (const auto& row : *rows) {
    read.more = IsTooLarge(row) || read.bytes >= max_bytes;
    if (read.more) return read;
    read.Add(RecordedFrom(row));
  }
  read.more = static_cast<int>(rows->size()) >= max_rows;
  return read;
}

}  // namespace

int PageBudget::rows(std::size_t have) const {
  const int most = small_ ? std::min(rows_, kFirstRows) : rows_;
  const auto left = std::min<std::int64_t>(left_, most) - static_cast<std::int64_t>(have);
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

void PageBudget::Took(std::size_t events, bool cut) {
  left_ -= static_cast<std::int64_t>(events);
  if (cut) {
    rows_ = std::clamp(static_cast<int>(events), 1, domain::kMaxPageEvents);
  } else if (!small_) {
    rows_ = std::min(rows_ * 2, domain::kMaxPageEvents);
  }
}

bool ReadAgain(const absl::Status& status, ChunkCatalog& chunks) {
  const std::string state = SqlStateOf(status);
  if (state == kUndefinedTable) chunks.Forget();
  return state == kUndefinedTable || state == kDeadlock || IsConnectionLost(status);
}

void TableRows::Add(domain::RecordedEvent event) {
  bytes += PayloadBytes(event);
  events.push_back(std::move(event));
}

absl::StatusOr<Page> NextPage(Cursor& cursor, Session& session, ChunkCatalog& chunks) {
  bool again = false;
  return ReadWithRetries(chunks, [&] {
    if (again) cursor.Relist();
    again = true;
    return cursor.Next(session);
  });
}

absl::StatusOr<TableRows> ReadTable(Session& session, const std::string& table, const Where& where,
                                    const std::string& order, int max_rows, std::size_t max_bytes) {
  if (max_rows >= kManyRows) {
    auto small = ReadSmallRows(session, table, where, order, max_rows, max_bytes);
    // Without a single one, the first row is a large one.
    if (!small.ok() || !small->events.empty() || !small->more) return small;
  }
  auto rows = session.RunKept(PageSql(table, where.text(), order), Arguments(max_rows, max_bytes, where));
  if (!rows.ok()) return rows.status();
  TableRows read;
  read.events.reserve(static_cast<std::size_t>(rows->size()));
  for (const auto& row : *rows) read.Add(RecordedFrom(row));
  read.more = static_cast<int>(read.events.size()) >= max_rows || read.bytes >= max_bytes;
  return read;
}

}  // namespace eventstore::storage
