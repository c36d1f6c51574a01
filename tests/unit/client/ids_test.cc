#include "eventstore/ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "eventstore/client.h"

namespace eventstore::client {
namespace {

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TEST(IdsTest, IsAVersion7UuidOfThisMoment) {
  const auto before = NowMs();
  const std::string id = MakeUuidV7();
  const auto after = NowMs();
  EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  const auto ms = std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16);
  EXPECT_GE(ms, before);
  EXPECT_LE(ms, after);
}

TEST(IdsTest, EveryRandomByteVaries) {
  std::set<std::string> ids;
  std::vector<std::set<char>> seen(36);
  for (int i = 0; i < 5'000; ++i) {
    const std::string id = MakeUuidV7();
    ids.insert(id);
    for (std::size_t at = 15; at < id.size(); ++at) seen[at].insert(id[at]);
  }
  EXPECT_EQ(ids.size(), 5'000U);
  for (std::size_t at = 15; at < 36; ++at) {
    const std::size_t values = at == 18 || at == 23 ? 1 : at == 19 ? 4 : 16;
    EXPECT_EQ(seen[at].size(), values) << "at " << at;
  }
}

TEST(IdsTest, MakeEventHasAnId) {
  const auto event = MakeEvent("thing.happened");
  EXPECT_EQ(event.id().size(), 36U);
  EXPECT_EQ(event.event_type(), "thing.happened");
  EXPECT_EQ(event.data(), "{}");
}

}  // namespace
}  // namespace eventstore::client
