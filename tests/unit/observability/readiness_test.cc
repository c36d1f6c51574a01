#include "server/observability/readiness.h"

#include <nlohmann/json.hpp>

#include "gtest/gtest.h"

namespace eventstore::observability {
namespace {

ServingFacts Facts(bool made_ahead, bool today_exists) {
  UpkeepSnapshot upkeep;
  upkeep.partitions = PartitionsSnapshot{.made_ahead = made_ahead, .today_exists = today_exists, .days_ahead = 7};
  upkeep.partitions->oldest = 1'767'225'600 * domain::kMicrosPerSecond;
  return {.upkeep = upkeep};
}

TEST(Readiness, TakesTheDatabaseAndToday) {
  EXPECT_TRUE(IsReady({}));
  EXPECT_FALSE(IsReady({.draining = true, .database_answers = true, .upkeep = {}}));
  EXPECT_FALSE(IsReady({.draining = false, .database_answers = false, .upkeep = {}}));
  EXPECT_TRUE(IsReady(Facts(true, true)));
  EXPECT_FALSE(IsReady(Facts(true, false)));
  // Where the insert makes it, nothing is missing.
  EXPECT_TRUE(IsReady(Facts(false, false)));
}

TEST(Readiness, SaysWhatItKnows) {
  const auto unknown = nlohmann::json::parse(ReadinessJson("serving", {}));
  EXPECT_EQ(unknown["status"], "serving");
  EXPECT_EQ(unknown["database"]["answers"], true);
  EXPECT_TRUE(unknown["partitions"].is_null());
  const auto known = nlohmann::json::parse(ReadinessJson("not serving", Facts(true, false)));
  EXPECT_EQ(known["partitions"]["today_exists"], false);
  EXPECT_EQ(known["partitions"]["days_ahead"], 7);
  EXPECT_EQ(known["partitions"]["oldest"], "2026-01-01T00:00:00Z");
  EXPECT_TRUE(known["partitions"]["newest"].is_null());
  EXPECT_TRUE(nlohmann::json::parse(ReadinessJson("", Facts(false, true)))["partitions"]["days_ahead"].is_null());
}

}  // namespace
}  // namespace eventstore::observability
