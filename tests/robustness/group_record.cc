#include "tests/robustness/group_record.h"

#include <algorithm>

#include "fmt/format.h"

namespace eventstore::testing {
namespace {

absl::Status Broken(const std::string& text) { return absl::DataLossError(text); }

}  // namespace

GroupRecord::Places GroupRecord::settled() const {
  const std::scoped_lock lock(mutex_);
  return settled_;
}

absl::Status GroupRecord::Judge(const client::GroupDelivery& delivery, const Places& settled) const {
  const v1::RecordedEvent& event = delivery.event;
  const auto place = settled.find(delivery.bucket);
  const std::int64_t passed = std::max(delivery.settled_position, place == settled.end() ? 0 : place->second);
  if (event.global_position() <= passed) {
    return Broken(fmt::format("{} at {} of bucket {} was delivered although {} was settled", event.id(),
                              event.global_position(), delivery.bucket, passed));
  }
  if (given_.contains(event.id())) return absl::OkStatus();
  const auto last = last_versions_.find(event.aggregate_id());
  const std::int32_t before = last == last_versions_.end() ? 0 : last->second;
  const bool follows = versions_ == Versions::kAll ? event.version() == before + 1 : event.version() > before;
  if (follows) return absl::OkStatus();
  return Broken(fmt::format("version {} of {} was delivered after {}", event.version(), event.aggregate_id(), before));
}

absl::Status GroupRecord::Take(const client::GroupDelivery& delivery, Places& settled) {
  const std::scoped_lock lock(mutex_);
  if (absl::Status judged = Judge(delivery, settled); !judged.ok()) {
    broken_.Update(judged);
    return judged;
  }
  for (Places* places : {&settled_, &settled}) {
    std::int64_t& place = (*places)[delivery.bucket];
    place = std::max(place, delivery.settled_position);
  }
  const v1::RecordedEvent& event = delivery.event;
  last_position_ = std::max(last_position_, event.global_position());
  if (given_.try_emplace(event.id(), event.global_position()).second) {
    last_versions_[event.aggregate_id()] = event.version();
  } else {
    ++repeats_;
  }
  return absl::OkStatus();
}

void GroupRecord::Break(const absl::Status& status) {
  const std::scoped_lock lock(mutex_);
  broken_.Update(status);
}

absl::Status GroupRecord::CheckAgainst(const std::vector<Stored>& stored) const {
  const std::scoped_lock lock(mutex_);
  if (!broken_.ok()) return broken_;
  for (const Stored& event : stored) {
    const auto found = given_.find(event.id);
    if (found == given_.end()) return Broken(fmt::format("{} at {} was not delivered", event.id, event.position));
    if (found->second != event.position) {
      return Broken(fmt::format("{} was delivered at {} and is at {}", event.id, found->second, event.position));
    }
  }
  if (given_.size() == stored.size()) return absl::OkStatus();
  return Broken(fmt::format("{} events were delivered, {} are stored", given_.size(), stored.size()));
}

absl::Status GroupRecord::broken() const {
  const std::scoped_lock lock(mutex_);
  return broken_;
}

std::size_t GroupRecord::count() const {
  const std::scoped_lock lock(mutex_);
  return given_.size();
}

std::size_t GroupRecord::repeats() const {
  const std::scoped_lock lock(mutex_);
  return repeats_;
}

std::int64_t GroupRecord::last_position() const {
  const std::scoped_lock lock(mutex_);
  return last_position_;
}

}  // namespace eventstore::testing
