#include "server/subscriptions/tail_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eventstore::subscriptions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Positions = std::vector<domain::Position>;

// Adds a page of events at these positions, after what is there.
void Add(TailWindow& window, const Positions& positions, std::size_t data_bytes = 0) {
  TailPage page;
  page.after = window.end();
  for (const auto position : positions) {
    domain::RecordedEvent event;
    event.global_position = position;
    event.data = std::string(data_bytes, 'x');
    page.events.push_back(std::move(event));
  }
  page.upto = positions.back();
  window.Add(std::move(page));
}

// What a subscriber at `position` takes.
Positions After(const TailWindow& window, domain::Position position) {
  Positions positions;
  for (const auto& page : window.After(position)) {
    for (const auto& event : page->events) {
      if (event.global_position > position) positions.push_back(event.global_position);
    }
  }
  return positions;
}

TEST(TailWindowTest, GivesWhatComesAfterAPosition) {
  TailWindow window(1 << 20);
  window.Restart(10);
  Add(window, {11, 15});
  Add(window, {20});
  Add(window, {25, 30, 35});
  EXPECT_EQ(window.begin(), 10);
  EXPECT_EQ(window.end(), 35);
  EXPECT_THAT(After(window, 10), ElementsAre(11, 15, 20, 25, 30, 35));
  EXPECT_THAT(After(window, 11), ElementsAre(15, 20, 25, 30, 35));
  EXPECT_THAT(After(window, 15), ElementsAre(20, 25, 30, 35));
  EXPECT_THAT(After(window, 17), ElementsAre(20, 25, 30, 35));
  EXPECT_THAT(After(window, 30), ElementsAre(35));
  EXPECT_THAT(After(window, 35), IsEmpty());
  EXPECT_THAT(window.After(20), ::testing::SizeIs(1));
}

TEST(TailWindowTest, CoversItsBeginningAndWhatLiesBeyondItsEnd) {
  TailWindow window(1 << 20);
  window.Restart(10);
  EXPECT_TRUE(window.Covers(10));
  EXPECT_FALSE(window.Covers(9));
  Add(window, {11});
  EXPECT_TRUE(window.Covers(10));
  EXPECT_TRUE(window.Covers(11));
  EXPECT_TRUE(window.Covers(12));
  EXPECT_FALSE(window.Covers(9));
}

TEST(TailWindowTest, ForgetsTheOldestWhenItIsFull) {
  TailWindow window(10'000);
  window.Restart(0);
  for (domain::Position position = 1; position <= 100; ++position) Add(window, {position}, 1'000);
  EXPECT_EQ(window.end(), 100);
  EXPECT_GT(window.begin(), 85);
  EXPECT_LT(window.begin(), 95);
  EXPECT_FALSE(window.Covers(window.begin() - 1));
  EXPECT_EQ(After(window, window.begin()).size(), static_cast<std::size_t>(100 - window.begin()));
}

TEST(TailWindowTest, KeepsAPageThatIsLargerThanItself) {
  TailWindow window(1'000);
  window.Restart(0);
  Add(window, {1, 2}, 5'000);
  EXPECT_THAT(After(window, 0), ElementsAre(1, 2));
  Add(window, {3}, 5'000);
  EXPECT_EQ(window.begin(), 2);
  EXPECT_THAT(After(window, 2), ElementsAre(3));
}

TEST(TailWindowTest, BeginsAnew) {
  TailWindow window(1 << 20);
  window.Restart(10);
  Add(window, {11});
  window.Restart(5);
  EXPECT_EQ(window.begin(), 5);
  EXPECT_EQ(window.end(), 5);
  EXPECT_THAT(After(window, 5), IsEmpty());
}

}  // namespace
}  // namespace eventstore::subscriptions
