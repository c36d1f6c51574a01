#include "tools/eventbench/load/aggregates.h"

#include <algorithm>

namespace eventstore::eventbench {
namespace {

// Where nearly all are busy, a conflict is what the load asks for.
constexpr int kTriesForAFreeOne = 16;

}  // namespace

Aggregates::Aggregates(const Options& options, std::uint64_t seed, int worker, int workers)
    : distribution_(options.distribution),
      seed_(seed),
      worker_(static_cast<std::uint64_t>(worker)),
      workers_(static_cast<std::uint64_t>(workers)),
      tracked_(options.exact && options.distribution != Distribution::kDistinct) {
  for (const auto& text : options.given_aggregates) given_.push_back(ParseId(text).value_or(Id{}));
  const std::uint64_t all =
      given_.empty() ? static_cast<std::uint64_t>(options.aggregates) : static_cast<std::uint64_t>(given_.size());
  if (distribution_ == Distribution::kHot) {
    count_ = 1;
  } else {
    // Those whose index, modulo the number of workers, is this worker; at least one, also when there are more workers.
    count_ = std::max<std::uint64_t>(1, (all + workers_ - 1 - worker_) / workers_);
  }
  if (distribution_ == Distribution::kZipf) zipf_.emplace(count_, options.zipf_exponent);
  if (tracked_) tracks_.resize(count_);
}

std::uint64_t Aggregates::Pick(Random& random) const {
  if (zipf_) return zipf_->Next(random);
  return count_ == 1 ? 0 : random.Below(count_);
}

std::uint64_t Aggregates::NextToAppend(Random& random) {
  if (distribution_ == Distribution::kDistinct) return used_++;
  std::uint64_t index = Pick(random);
  if (!tracked_) return index;
  for (int i = 0; i < kTriesForAFreeOne && tracks_[index].busy > 0; ++i) index = Pick(random);
  ++tracks_[index].busy;
  return index;
}

std::uint64_t Aggregates::NextToRead(Random& random) {
  if (distribution_ == Distribution::kDistinct) return used_ == 0 ? 0 : random.Below(used_);
  return Pick(random);
}

Id Aggregates::IdOf(std::uint64_t index) const {
  if (distribution_ == Distribution::kHot) return given_.empty() ? DerivedId(seed_, 0) : given_.front();
  const std::uint64_t global = index * workers_ + worker_;
  return given_.empty() ? DerivedId(seed_, global) : given_[global % given_.size()];
}

void Aggregates::Finished(std::uint64_t index, std::optional<std::int32_t> version) {
  if (!tracked_) return;
  Track& track = tracks_[index];
  if (track.busy > 0) --track.busy;
  // Answers of two appends in flight may come in either order.
  if (version) track.version = std::max(track.version, *version);
}

}  // namespace eventstore::eventbench
