#include "server/storage/cursor_user.h"

#include <algorithm>
#include <iterator>

#include "fmt/format.h"
#include "server/storage/where.h"

namespace eventstore::storage {

UserCursor::UserCursor(domain::UserQuery query, ChunkCatalog& chunks)
    : query_(std::move(query)), catalog_(chunks), budget_(query_.max_events) {}

absl::StatusOr<Page> UserCursor::Next(Session& session) {
  if (!listed_) {
    auto chunks = catalog_.Within(session, query_.range);
    if (!chunks.ok()) return chunks.status();
    chunks_ = *std::move(chunks);
    if (!forward()) std::ranges::reverse(chunks_);
    next_ = 0;
    listed_ = true;
  }
  Page page;
  std::size_t bytes = 0;
  std::size_t at = next_;
  auto after = after_;
  while (at < chunks_.size() && bytes < budget_.bytes()) {
    const int rows = budget_.rows(page.events.size());
    if (rows == 0) break;
    Where where(2);
    where.And("user_id = {}", query_.user_id);
    where.AndWithin(query_.range);
    where.AndAnyOf("event_type", query_.event_types);
    where.AndAnyOf("aggregate_type", query_.aggregate_types);
    if (after) {
      // The plain bound lets the index start there; the second part only breaks ties.
      const std::string time = TimestampText(after->first);
      where.And(forward() ? "timestamp >= {}::timestamptz" : "timestamp <= {}::timestamptz", time);
      where.And(forward() ? "(timestamp > {}::timestamptz" : "(timestamp < {}::timestamptz", time);
      where.Or(forward() ? "global_position > {}::bigint)" : "global_position < {}::bigint)",
               fmt::format("{}", after->second));
    }
    auto read = ReadTable(session, chunks_[at].table, where,
                          forward() ? "timestamp, global_position" : "timestamp DESC, global_position DESC", rows,
                          budget_.bytes() - bytes);
    if (!read.ok()) return read.status();
    bytes += read->bytes;
    if (!read->events.empty()) after = {read->events.back().timestamp, read->events.back().global_position};
    std::ranges::move(read->events, std::back_inserter(page.events));
    if (!read->more) ++at;
  }
  next_ = at;
  after_ = after;
  budget_.Took(page.events.size(), bytes >= budget_.bytes());
  page.last = budget_.exhausted() || at >= chunks_.size();
  return page;
}

}  // namespace eventstore::storage
