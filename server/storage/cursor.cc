#include "server/storage/cursor.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

constexpr char kUndefinedTable[] = "42P01";
// Planning a read of a chunk locks the chunk and then its rows in TimescaleDB's catalogue; dropping it, the other way
// round.
constexpr char kDeadlock[] = "40P01";

}  // namespace

int PageBudget::rows(std::size_t have) const {
  const auto left = std::min<std::int64_t>(left_, rows_) - static_cast<std::int64_t>(have);
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

void PageBudget::Took(std::size_t events, bool cut) {
  left_ -= static_cast<std::int64_t>(events);
  rows_ = cut ? std::clamp(static_cast<int>(events), 1, domain::kMaxPageEvents)
              : std::min(rows_ * 2, domain::kMaxPageEvents);
}

bool ReadAgain(const absl::Status& status, ChunkCatalog& chunks) {
  const std::string state = SqlStateOf(status);
  if (state == kUndefinedTable) chunks.Forget();
  return state == kUndefinedTable || state == kDeadlock || IsConnectionLost(status);
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
  pq::Args args{fmt::format("{}", max_rows), fmt::format("{}", max_bytes)};
  args.insert(args.end(), where.args().begin(), where.args().end());
  auto rows = session.RunKept(PageSql(table, where.text(), order), args);
  if (!rows.ok()) return rows.status();
  TableRows read;
  read.events.reserve(static_cast<std::size_t>(rows->size()));
  for (const auto& row : *rows) {
    read.events.push_back(RecordedFrom(row));
    read.bytes += PayloadBytes(read.events.back());
  }
  read.more = static_cast<int>(read.events.size()) >= max_rows || read.bytes >= max_bytes;
  return read;
}

}  // namespace eventstore::storage
