#include "server/storage/cursor.h"

#include <algorithm>

namespace eventstore::storage {
namespace {

constexpr char kUndefinedTable[] = "42P01";
// Planning a read of a chunk locks the chunk and then its rows in TimescaleDB's catalogue; dropping it, the other way
// round.
constexpr char kDeadlock[] = "40P01";

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

absl::StatusOr<Page> NextPage(Cursor& cursor, Session& session, ChunkCatalog& chunks) {
  bool again = false;
  return ReadWithRetries(chunks, [&] {
    if (again) cursor.Relist();
    again = true;
    return cursor.Next(session);
  });
}

}  // namespace eventstore::storage
