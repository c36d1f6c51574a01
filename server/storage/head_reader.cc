#include "server/storage/head_reader.h"

#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

constexpr Query kHead{"read_head", R"sql(
SELECT version, (extract(epoch FROM first_timestamp) * 1000000)::bigint,
       (extract(epoch FROM last_timestamp) * 1000000)::bigint
FROM aggregate_heads WHERE aggregate_id = $1::uuid
)sql"};

constexpr Query kClock{"read_clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"};

}  // namespace

absl::StatusOr<domain::AggregateHead> ReadHead(Session& session, const domain::Uuid& aggregate_id) {
  auto rows = session.Run(kHead, {aggregate_id.ToString()});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return domain::AggregateHead{};
  const auto row = (*rows)[0];
  return domain::AggregateHead{row[0].as<domain::Version>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
}

absl::StatusOr<domain::AggregateHead> ReadHeadAgain(Session& session, const domain::Uuid& aggregate_id) {
  const auto read = [&] { return Caught([&] { return ReadHead(session, aggregate_id); }); };
  auto head = read();
  return !head.ok() && IsConnectionLost(head.status()) ? read() : head;
}

absl::StatusOr<domain::TimeMicros> ReadClock(Session& session) {
  auto rows = session.Run(kClock, {});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

}  // namespace eventstore::storage
