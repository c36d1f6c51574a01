// Which aggregate comes next, and what is known of its version. One for each worker, used by that worker alone: workers
// have aggregates of their own, so that nobody else moves the versions one tracks (a hot aggregate is shared).
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tools/eventbench/load/ids.h"
#include "tools/eventbench/load/random.h"
#include "tools/eventbench/load/zipf.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

class Aggregates {
 public:
  // `worker` of `workers`. `seed` is the run's.
  Aggregates(const Options& options, std::uint64_t seed, int worker, int workers);

  // Of the aggregate to append to, which then counts as busy until Finished(). Where versions are tracked a free one
  // is preferred: a second append in flight would expect a version that is about to be outdated.
  std::uint64_t NextToAppend(Random& random);
  // Of one to read; with a new aggregate for each append, one of those appended to before.
  std::uint64_t NextToRead(Random& random);

  Id IdOf(std::uint64_t index) const;
  // What the next append has to expect: of what was acknowledged.
  std::int32_t VersionOf(std::uint64_t index) const { return tracked_ ? tracks_[index].version : 0; }
  bool IsBusy(std::uint64_t index) const { return tracked_ && tracks_[index].busy > 1; }
  // `version`: the aggregate's now, if that is known.
  void Finished(std::uint64_t index, std::optional<std::int32_t> version);

  // All that this worker may append to, for filling; none when they are made as they are needed.
  std::uint64_t count() const { return distribution_ == Distribution::kDistinct ? 0 : count_; }

 private:
  struct Track {
    std::int32_t version = 0;
    std::uint32_t busy = 0;
  };

  std::uint64_t Pick(Random& random) const;

  const Distribution distribution_;
  const std::uint64_t seed_;
  const std::uint64_t worker_;
  const std::uint64_t workers_;
  const bool tracked_;
  std::vector<Id> given_;
  std::uint64_t count_ = 0;
  std::uint64_t used_ = 0;  // with a new aggregate for each append
  std::optional<Zipf> zipf_;
  std::vector<Track> tracks_;
};

}  // namespace eventstore::eventbench
