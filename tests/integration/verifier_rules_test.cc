// Every rule of the verifier, broken once by SQL: found, named, and nothing else with it.
#include <ostream>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "tests/integration/verifier_fixture.h"

namespace eventstore::storage {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;

struct Sabotage {
  const char* name;
  std::string sql;
  std::vector<std::string> violations;
};

void PrintTo(const Sabotage& sabotage, std::ostream* out) { *out << sabotage.name; }

class VerifierRuleTest : public VerifierTest, public ::testing::WithParamInterface<Sabotage> {
 protected:
  VerifierRuleTest() { database_.EnsurePartitions(Days(4, 6)); }  // where some are moved to
};

TEST_P(VerifierRuleTest, IsFoundAndNamed) {
  database_.Execute(kCleanStore);
  database_.Execute(GetParam().sql);
  const VerifyReport report = Verify();
  EXPECT_EQ(Texts(report), GetParam().violations);
  EXPECT_FALSE(report.more_violations);
  EXPECT_THAT(report.violations, Each(Field(&Violation::detail, Not(IsEmpty()))));
}

std::vector<Sabotage> Versions() {
  return {
      {"GapInAChunk", DeleteEvents(kSecond, "version = 3"), {Of("version_gap", kSecond, "2-4")}},
      {"GapBetweenChunks", DeleteEvents(kSecond, "version IN (4, 5, 6)"), {Of("version_gap", kSecond, "3-7")}},
      {"WholeChunkMissing", DeleteEvents(kSecond, "version BETWEEN 5 AND 8"), {Of("version_gap", kSecond, "4-9")}},
      {"VersionTwiceInAChunk",
       CopyEvent(kSecond, 3, {.global_position = "global_position + 1"}),
       {Of("duplicate_version", kSecond, "3-3")}},
      // Version 4 once more, in the chunk of version 5 and just before it.
      {"VersionTwiceInTwoChunks",
       CopyEvent(kSecond, 5,
                 {.timestamp = "timestamp - interval '1 s'", .version = "4", .global_position = "global_position - 1"}),
       {Of("duplicate_version", kSecond, "4-4")}},
      {"VersionZero",
       CopyEvent(
           kSecond, 1,
           {.timestamp = "timestamp - interval '1 s'", .version = "0", .global_position = "global_position - 1"}) +
           UpdateHead(kSecond, "first_timestamp = first_timestamp - interval '1 s'"),
       {Of("version_below_one", kSecond, "0-0")}},
      {"BeginningMissing", DeleteEvents(kSecond, "version <= 2"), {Of("missing_beginning", kSecond, "3-12")}},
  };
}

std::vector<Sabotage> Orders() {
  return {
      {"TimeBackwardsInAChunk",
       UpdateEvent(kSecond, 2, "timestamp = timestamp + interval '7 h'"),
       {Of("timestamp_order", kSecond, "2-3")}},
      // Version 4 lies a day later, between 8 and 9.
      {"TimeBackwardsFromAnotherChunk",
       CopyEvent(kSecond, 4, {.timestamp = "timestamp + interval '25 h'"}) +
           DeleteEvents(kSecond, "version = 4 AND timestamp < '2026-01-02'"),
       {Of("timestamp_order", kSecond, "4-5")}},
      // The whole first day comes after the third: in order inside of every chunk, and only there.
      {"TimeBackwardsBetweenChunks",
       CopyEvent(kSecond, 1, {.timestamp = "timestamp + interval '5 days'"}) +
           CopyEvent(kSecond, 2, {.timestamp = "timestamp + interval '5 days'"}) +
           CopyEvent(kSecond, 3, {.timestamp = "timestamp + interval '5 days'"}) +
           CopyEvent(kSecond, 4, {.timestamp = "timestamp + interval '5 days'"}) +
           DeleteEvents(kSecond, "timestamp < '2026-01-02'") +
           UpdateHead(kSecond, "first_timestamp = '2026-01-02 00:00:02', last_timestamp = '2026-01-06 18:00:02'"),
       {Of("timestamp_order", kSecond, "4-5")}},
      {"PositionBackwardsInAChunk",
       UpdateEvent(kSecond, 3, "global_position = 1"),
       {Of("position_order", kSecond, "2-3")}},
      {"PositionBackwardsBetweenChunks",
       UpdateEvent(kSecond, 5, "global_position = global_position - (150 << 20)"),
       {Of("position_order", kSecond, "4-5")}},
  };
}

std::vector<Sabotage> Heads() {
  return {
      {"NoHead",
       fmt::format("DELETE FROM aggregate_heads WHERE aggregate_id = '{}'", kSecond),
       {Of("event_without_head", kSecond, "1-12")}},
      {"NoEvents", DeleteEvents(kSecond, "true"), {Of("head_without_events", kSecond, "0-12")}},
      {"HeadBehind", UpdateHead(kSecond, "version = 11"), {Of("head_version", kSecond, "1-12")}},
      {"LastEventMissing",
       DeleteEvents(kSecond, "version = 12"),
       {Of("head_last_timestamp", kSecond, "1-11"), Of("head_version", kSecond, "1-11")}},
      {"HeadFirstTime",
       UpdateHead(kSecond, "first_timestamp = first_timestamp - interval '1 us'"),
       {Of("head_first_timestamp", kSecond, "1-12")}},
      {"HeadLastTime",
       UpdateHead(kSecond, "last_timestamp = last_timestamp + interval '1 us'"),
       {Of("head_last_timestamp", kSecond, "1-12")}},
  };
}

std::vector<Sabotage> Duplicates() {
  return {
      // The primary key (id, timestamp) lets one id through at two times.
      {"IdTwiceInAChunk",
       UpdateEvent(kSecond, 2, "id = lpad(to_hex(2001), 32, '0')::uuid"),
       {Of("duplicate_event_id", kSecond, "2-2")}},
      {"IdTwiceInTheStore",
       UpdateEvent(kThird, 10, "id = lpad(to_hex(2001), 32, '0')::uuid"),
       {Of("duplicate_event_id", kThird, "10-10")}},
      {"PositionTwiceInAChunk",
       UpdateEvent(kThird, 5, "global_position = 502 << 20"),
       {Of("duplicate_position", kThird, "5-5")}},
      // Version 4 of the third aggregate is in the chunk before; version 5 of the second may be no earlier than its 4.
      {"PositionTwiceInTheStore",
       UpdateEvent(kSecond, 5, "global_position = 403 << 20"),
       {Of("duplicate_position", kSecond, "5-5")}},
  };
}

std::string NameOf(const ::testing::TestParamInfo<Sabotage>& tested) { return tested.param.name; }

INSTANTIATE_TEST_SUITE_P(Versions, VerifierRuleTest, ::testing::ValuesIn(Versions()), NameOf);
INSTANTIATE_TEST_SUITE_P(Orders, VerifierRuleTest, ::testing::ValuesIn(Orders()), NameOf);
INSTANTIATE_TEST_SUITE_P(Heads, VerifierRuleTest, ::testing::ValuesIn(Heads()), NameOf);
INSTANTIATE_TEST_SUITE_P(Duplicates, VerifierRuleTest, ::testing::ValuesIn(Duplicates()), NameOf);

}  // namespace
}  // namespace eventstore::storage
