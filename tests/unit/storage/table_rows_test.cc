#include "server/storage/table_rows.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace eventstore::storage {
namespace {

constexpr std::optional<std::int64_t> kUnknown = std::nullopt;

std::size_t Needed(const std::vector<std::optional<std::int64_t>>& rows, int wanted) {
  const std::string table = "t";
  std::vector<TablePart> parts;
  for (const auto& each : rows) parts.push_back({&table, each});
  return NeededTables(parts, wanted);
}

TEST(NeededTablesTest, AsManyAsHoldWhatIsWantedAndNotOneMore) {
  EXPECT_EQ(Needed({1, 1, 1, 1}, 1), 1U);
  EXPECT_EQ(Needed({1, 1, 1, 1}, 3), 3U);
  EXPECT_EQ(Needed({1, 1, 1, 1}, 9), 4U);
  EXPECT_EQ(Needed({5, 5, 5}, 10), 2U);
  EXPECT_EQ(Needed({5, 5, 5}, 11), 3U);
  EXPECT_EQ(Needed({}, 3), 0U);
  EXPECT_EQ(Needed({1, 1}, 0), 0U);
}

TEST(NeededTablesTest, BehindOneThatMayHoldAnyNumberNothingIsNeededYet) {
  EXPECT_EQ(Needed({kUnknown, 1, 1}, 10), 1U);
  EXPECT_EQ(Needed({1, kUnknown, 1}, 10), 2U);
  EXPECT_EQ(Needed({1, kUnknown, 1}, 1), 1U);
}

TEST(NeededTablesTest, OneWithoutRowsIsPassedOver) { EXPECT_EQ(Needed({0, 0, 2, 1}, 2), 3U); }

TEST(NeededTablesTest, NoMoreThanMayBeLockedAtOnce) {
  EXPECT_EQ(Needed(std::vector<std::optional<std::int64_t>>(100, 1), 1'000), kTablesAtOnce);
}

}  // namespace
}  // namespace eventstore::storage
