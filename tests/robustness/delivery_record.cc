#include "tests/robustness/delivery_record.h"

#include <algorithm>

#include "fmt/format.h"

namespace eventstore::testing {
namespace {

absl::Status Broken(const std::string& text) { return absl::DataLossError(text); }

}  // namespace

absl::Status DeliveryRecord::TakeEvent(const v1::RecordedEvent& event, std::chrono::steady_clock::time_point at) {
  if (!after_) after_ = event.global_position() - 1;
  const std::int64_t reached = std::max(position_, *after_);
  if (event.global_position() <= reached) {
    return Broken(fmt::format("{} at {} was delivered after {}", event.id(), event.global_position(), reached));
  }
  const auto [last, first] = last_versions_.try_emplace(event.aggregate_id(), event.version());
  const std::int32_t before = first ? 0 : last->second;
  const bool follows = versions_ == Versions::kGrowing || (first && *after_ > 0) ? event.version() > before
                                                                                 : event.version() == before + 1;
  if (!follows) {
    return Broken(
        fmt::format("version {} of {} was delivered after {}", event.version(), event.aggregate_id(), before));
  }
  last->second = event.version();
  position_ = event.global_position();
  given_.push_back({{event.id(), event.global_position()}, at});
  return absl::OkStatus();
}

absl::Status DeliveryRecord::TakePlace(std::int64_t position) {
  if (!after_) after_ = position;
  const std::int64_t reached = std::max(position_, *after_);
  if (position < reached) return Broken(fmt::format("a place at {} after {}", position, reached));
  position_ = position;
  return absl::OkStatus();
}

absl::Status DeliveryRecord::CheckAgainst(const std::vector<Stored>& stored) const {
  if (!after_) return Broken("nothing came, not even the place where it begins");
  auto wanted = std::ranges::upper_bound(stored, *after_, {}, &Stored::position);
  for (const Given& given : given_) {
    if (wanted == stored.end() || given.event.position < wanted->position) {
      return Broken(
          fmt::format("{} was delivered at {} and is not stored there", given.event.id, given.event.position));
    }
    if (wanted->position < given.event.position) {
      return Broken(
          fmt::format("{} at {} was skipped: {} came instead", wanted->id, wanted->position, given.event.position));
    }
    if (wanted->id != given.event.id) {
      return Broken(fmt::format("{} was delivered at {}, where {} is", given.event.id, wanted->position, wanted->id));
    }
    ++wanted;
  }
  if (wanted == stored.end()) return absl::OkStatus();
  return Broken(fmt::format("{} at {} was not delivered, and {} after it", wanted->id, wanted->position,
                            stored.end() - wanted - 1));
}

}  // namespace eventstore::testing
