#include "server/storage/import/chunk_maker.h"

#include <algorithm>
#include <vector>

#include "server/domain/floor_to.h"

namespace eventstore::storage {
namespace {

using domain::TimeMicros;

constexpr Query kToday{"chunk_maker_today", R"sql(
SELECT (extract(epoch FROM date_trunc('day', clock_timestamp())) * 1000000)::bigint
)sql"};

}  // namespace

bool ChunkMaker::Has(TimeMicros time) const { return known_ && !Overlapping(*known_, {time, time + 1}).empty(); }

absl::Status ChunkMaker::MakeLong(Session& session, const Partitions& partitions,
                                  std::span<const TimeMicros> missing) const {
  std::vector<TimeMicros> first;  // of each chunk
  for (const TimeMicros time : missing) {
    const TimeMicros start = domain::FloorTo(time, interval_);
    if (first.empty() || domain::FloorTo(first.back(), interval_) != start) first.push_back(time);
  }
  for (std::span<const TimeMicros> rest = first; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), Partitions::kMostAtOnce));
    if (absl::Status made = partitions.MakeOf(session, some, interval_); !made.ok()) return made;
    rest = rest.subspan(some.size());
  }
  return absl::OkStatus();
}

absl::Status ChunkMaker::Make(Session& session, const Partitions& partitions, std::span<const TimeMicros> times) {
  if (interval_ == 0 && !partitions.made_ahead()) return absl::OkStatus();
  const std::scoped_lock lock(mutex_);
  // Again, since a chunk may be cut by others that lie within its length: then the next part of it is made.
  for (std::size_t tries = 0; tries <= times.size(); ++tries) {
    std::vector<TimeMicros> missing;
    std::ranges::copy_if(times, std::back_inserter(missing), [&](TimeMicros time) { return !Has(time); });
    if (missing.empty()) return absl::OkStatus();
    auto chunks = catalog_.All(session);
    if (!chunks.ok()) return chunks.status();
    known_ = *std::move(chunks);
    std::erase_if(missing, [&](TimeMicros time) { return Has(time); });
    auto today = session.Run(kToday, {});
    if (!today.ok()) return today.status();
    const auto end = (*today)[0][0].as<TimeMicros>();
    const auto later = std::ranges::find_if(missing, [&](TimeMicros time) {
      return time >= end || interval_ == 0 || domain::FloorTo(time, interval_) + interval_ > end;
    });
    const std::span<const TimeMicros> past(missing.begin(), later);
    if (past.empty()) {
      TimeMicros day = domain::kMinTime;
      for (const TimeMicros time : missing) {
        if (domain::FloorTo(time, domain::kMicrosPerDay) == day) continue;
        day = domain::FloorTo(time, domain::kMicrosPerDay);
        if (auto ensured = partitions.Ensure(session, {day, day + domain::kMicrosPerDay}); !ensured.ok()) {
          return ensured.status();
        }
      }
      return absl::OkStatus();
    }
    if (absl::Status made = MakeLong(session, partitions, past); !made.ok()) return made;
  }
  return absl::OkStatus();
}

void ChunkMaker::Forget() {
  const std::scoped_lock lock(mutex_);
  known_ = nullptr;
  catalog_.Forget();
}

}  // namespace eventstore::storage
