// What one reader was given, and whether that keeps the promises: positions only grow, also over breaks and checkpoints;
// versions of an aggregate follow each other; and in the end, everything that is stored, once, in the same order for every
// reader. Knows neither server nor database: readers of any kind are held against it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/v1/event.pb.h"

namespace eventstore::testing {

// An event that is stored, or one that was given.
struct Stored {
  std::string id;
  std::int64_t position = 0;
};

// What a reader may expect of the versions of an aggregate.
enum class Versions {
  kAll,      // it gets every event of it: the first it sees is 1, or any if it begins later, then each next one
  kGrowing,  // it gets some
};

class DeliveryRecord {
 public:
  // `after`: where it begins, exclusive; nullopt: it learns that with what comes first ("from now").
  DeliveryRecord(Versions versions, std::optional<std::int64_t> after) : versions_(versions), after_(after) {}

  // The promise that is broken by this event, or ok. After one that is broken the record is of no more use.
  absl::Status TakeEvent(const v1::RecordedEvent& event, std::chrono::steady_clock::time_point at = {});
  // A place to go on from: a checkpoint, or the position at which it had caught up.
  absl::Status TakePlace(std::int64_t position);

  // The place where it would go on: nothing at or before it may come any more.
  std::int64_t position() const { return position_; }
  // Where it began; nullopt: not known yet.
  std::optional<std::int64_t> after() const { return after_; }
  std::size_t count() const { return given_.size(); }

  struct Given {
    Stored event;
    std::chrono::steady_clock::time_point at;
  };
  const std::vector<Given>& given() const { return given_; }

  // `stored`: everything that matches, in the order of positions. Each that comes after the beginning was given once, in
  // this order, and nothing else.
  absl::Status CheckAgainst(const std::vector<Stored>& stored) const;

 private:
  const Versions versions_;
  std::optional<std::int64_t> after_;
  std::int64_t position_ = 0;
  std::vector<Given> given_;
  std::map<std::string, std::int32_t> last_versions_;  // by aggregate
};

}  // namespace eventstore::testing
