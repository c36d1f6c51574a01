#include "server/observability/upkeep_metrics.h"

#include "gmock/gmock.h"

namespace eventstore::observability {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const std::optional<UpkeepSnapshot>& upkeep) {
  Metrics metrics;
  AddUpkeepMetrics(metrics, [upkeep] { return upkeep; });
  return metrics.Text();
}

TEST(UpkeepMetrics, AreAbsentWhileNothingIsKnown) {
  EXPECT_EQ(TextOf(std::nullopt), "");
  EXPECT_EQ(TextOf(UpkeepSnapshot{}), "");
}

TEST(UpkeepMetrics, OfPartitions) {
  UpkeepSnapshot upkeep;
  upkeep.partitions = PartitionsSnapshot{.made_ahead = true,
                                         .today_exists = true,
                                         .days_ahead = 30,
                                         .count = 61,
                                         .bytes = 4096,
                                         .compressed = 3,
                                         .oldest = 86'400 * domain::kMicrosPerSecond,
                                         .newest = 0,
                                         .repaired = 2};
  const std::string text = TextOf(upkeep);
  EXPECT_THAT(text, HasSubstr("\neventstore_partitions 61\n"));
  EXPECT_THAT(text, HasSubstr("\neventstore_partition_bytes 4096\n"));
  EXPECT_THAT(text, HasSubstr("\neventstore_partitions_compressed 3\n"));
  EXPECT_THAT(text, HasSubstr("\neventstore_partition_today_exists 1\n"));
  EXPECT_THAT(text, HasSubstr("\neventstore_partition_days_ahead 30\n"));
  EXPECT_THAT(text, HasSubstr("\neventstore_partition_oldest_timestamp_seconds 86400\n"));
  EXPECT_THAT(text, Not(HasSubstr("eventstore_partition_newest")));
  EXPECT_THAT(text, HasSubstr("\neventstore_partitions_repaired_total 2\n"));
  upkeep.partitions->made_ahead = false;
  EXPECT_THAT(TextOf(upkeep), Not(HasSubstr("days_ahead ")));
}

TEST(UpkeepMetrics, OfTasks) {
  UpkeepSnapshot upkeep;
  upkeep.tasks = {{.name = "retention",
                   .last_status = "failed",
                   .last_started = 100 * domain::kMicrosPerSecond,
                   .last_finished = 103 * domain::kMicrosPerSecond,
                   .runs = {{"failed", 1}, {"succeeded", 4}},
                   .overdue = true},
                  {.name = "verify-sample"}};
  const std::string text = TextOf(upkeep);
  EXPECT_THAT(text, HasSubstr("eventstore_housekeeper_runs_total{task=\"retention\",status=\"succeeded\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_housekeeper_last_run_failed{task=\"retention\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_housekeeper_last_run_timestamp_seconds{task=\"retention\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_housekeeper_last_run_duration_seconds{task=\"retention\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_housekeeper_task_overdue{task=\"retention\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("eventstore_housekeeper_task_overdue{task=\"verify-sample\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("last_run_failed{task=\"verify-sample\"}")));
}

}  // namespace
}  // namespace eventstore::observability
