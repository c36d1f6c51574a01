// What a list of partitions comes to: is there one for today, how far ahead, how much is there, and is it well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/time.h"
#include "server/storage/partitions.h"

namespace eventstore::housekeeping {

// As of a traffic light.
enum class Light { kGreen, kYellow, kRed };

struct PartitionSummary {
  bool made_ahead = false;    // by the housekeeper; else by the insert that needs it
  bool today_exists = false;  // a partition for this moment
  int days_ahead = 0;         // whole days from now on without a gap
  std::int64_t count = 0;
  std::int64_t bytes = 0;
  std::int64_t rows = 0;
  bool rows_exact = true;
  std::int64_t compressed = 0;               // how many of them
  std::optional<domain::TimeMicros> oldest;  // where the first one begins; nothing: there is none
  std::optional<domain::TimeMicros> newest;  // where the last one ends
  Light light = Light::kGreen;
  std::vector<std::string> remarks;  // what is not well, each with what to do; empty when green
};

// Fewer days ahead than this are yellow: a week to notice that nobody makes them.
inline constexpr int kFewDaysAhead = 7;

// `partitions`: oldest first.
PartitionSummary Summarise(const std::vector<storage::Partition>& partitions, bool made_ahead, domain::TimeMicros now);

// What the task partition-maintenance says of them: yellow when its last runs failed, or it is overdue.
void AddUpkeep(PartitionSummary& summary, int failures, bool overdue);

}  // namespace eventstore::housekeeping
