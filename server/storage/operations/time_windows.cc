#include "server/storage/operations/time_windows.h"

#include <algorithm>

namespace eventstore::storage {
namespace {

constexpr domain::TimeMicros kFirst = 2 * domain::kMicrosPerDay;
constexpr domain::TimeMicros kLongest = 64 * domain::kMicrosPerDay;

// The clock may have been ahead when a row was made.
constexpr domain::TimeMicros kAhead = domain::kMicrosPerDay;

constexpr Query kExtent{"operations_extent", R"sql(
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       CASE WHEN isfinite(o.at) THEN (extract(epoch FROM o.at) * 1000000)::bigint END
FROM (SELECT oldest_chunk($1) AS at) o
)sql"};

}  // namespace

absl::Status WalkTime(Session& session, const std::string& table, const domain::TimeRange& range,
                      domain::Direction direction,
                      const std::function<absl::StatusOr<bool>(const domain::TimeRange& window)>& look) {
  auto extent = session.Run(kExtent, {table});
  if (!extent.ok()) return extent.status();
  if ((*extent)[0][1].is_null()) return absl::OkStatus();
  const auto now = (*extent)[0][0].as<std::int64_t>();
  const domain::TimeMicros from = std::max(range.from, (*extent)[0][1].as<std::int64_t>());
  // What is later than that is in one window with what is of now.
  const domain::TimeMicros recent = std::min(range.to, now + kAhead);
  domain::TimeMicros length = kFirst;
  if (direction == domain::Direction::kBackward) {
    domain::TimeMicros to = range.to;
    for (domain::TimeMicros edge = recent; to > from; length = std::min(length * 2, kLongest)) {
      const domain::TimeRange window{std::max(from, edge - length), to};
      if (!window.empty()) {
        auto enough = look(window);
        if (!enough.ok() || *enough) return enough.status();
      }
      to = edge = window.from;
    }
    return absl::OkStatus();
  }
  for (domain::TimeMicros at = from; at < range.to; length = std::min(length * 2, kLongest)) {
    const domain::TimeRange window{at, at + length >= recent ? range.to : at + length};
    auto enough = look(window);
    if (!enough.ok() || *enough) return enough.status();
    at = window.to;
  }
  return absl::OkStatus();
}

}  // namespace eventstore::storage
