#include "server/storage/cursor_aggregate.h"

#include <algorithm>
#include <iterator>

#include "fmt/format.h"
#include "server/storage/head_reader.h"
#include "server/storage/where.h"

namespace eventstore::storage {

AggregateCursor::AggregateCursor(domain::AggregateQuery query, ChunkCatalog& chunks)
    : query_(std::move(query)), catalog_(chunks), budget_(query_.max_events) {}

absl::StatusOr<domain::Version> AggregateCursor::OldestStored(Session& session, const ChunkList& chunks) const {
  for (const Chunk& chunk : chunks) {
    auto rows = session.RunText("SELECT min(version) FROM " + chunk.table + " WHERE aggregate_id = $1::uuid",
                                {query_.aggregate_id.ToString()});
    if (!rows.ok()) return rows.status();
    if (!(*rows)[0][0].is_null()) return (*rows)[0][0].as<domain::Version>();
  }
  return 0;
}

absl::Status AggregateCursor::Open(Session& session) {
  auto head = ReadHead(session, query_.aggregate_id);
  if (!head.ok()) return head.status();
  head_ = *head;
  from_ = std::max(query_.from_version, 1);
  to_ = std::min(query_.to_version, head_.version);
  open_ = true;
  return absl::OkStatus();
}

absl::Status AggregateCursor::List(Session& session) {
  if (head_.version > 0) {
    auto chunks = catalog_.Within(session, {head_.first_timestamp, head_.last_timestamp + 1});
    if (!chunks.ok()) return chunks.status();
    auto oldest = OldestStored(session, *chunks);
    if (!oldest.ok()) return oldest.status();
    first_available_ = *oldest;
    chunks_ = *std::move(chunks);
    if (query_.as_of) std::erase_if(chunks_, [&](const Chunk& chunk) { return chunk.range.from > *query_.as_of; });
    if (!forward()) std::ranges::reverse(chunks_);
  }
  next_ = 0;
  listed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<Page> AggregateCursor::Next(Session& session) {
  if (!open_) {
    if (absl::Status opened = Open(session); !opened.ok()) return opened;
  }
  if (!listed_) {
    if (absl::Status listed = List(session); !listed.ok()) return listed;
  }
  Page page;
  std::size_t bytes = 0;
  std::size_t at = next_;
  domain::Version from = from_;
  domain::Version to = to_;
  while (at < chunks_.size() && from <= to && bytes < budget_.bytes()) {
    const int rows = budget_.rows(page.events.size());
    if (rows == 0) break;
    Where where(2);
    where.And("aggregate_id = {}::uuid", query_.aggregate_id.ToString());
    where.And("version >= {}::integer", fmt::format("{}", from));
    where.And("version <= {}::integer", fmt::format("{}", to));
    if (query_.as_of) where.And("timestamp <= {}::timestamptz", TimestampText(*query_.as_of));
    auto read = ReadTable(session, chunks_[at].table, where, forward() ? "version" : "version DESC", rows,
                          budget_.bytes() - bytes);
    if (!read.ok()) return read.status();
    bytes += read->bytes;
    if (!read->events.empty()) {
      const domain::Version end = read->events.back().version;
      if (forward()) {
        from = end + 1;
      } else {
        to = end - 1;
      }
    }
    std::ranges::move(read->events, std::back_inserter(page.events));
    if (!read->more) ++at;
  }
  next_ = at;
  from_ = from;
  to_ = to;
  budget_.Took(page.events.size(), bytes >= budget_.bytes());
  page.last = done() || at >= chunks_.size();
  return page;
}

}  // namespace eventstore::storage
