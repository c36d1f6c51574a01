#include "server/domain/system_clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

constexpr TimeMicros kNow = 1'763'683'200'123'456;

std::int64_t MillisOf(const Uuid& id) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | id.bytes[i];
  return ms;
}

TEST(SystemClock, TellsTheTimeOfDayInMicroseconds) {
  const auto before = std::chrono::system_clock::now();
  const TimeMicros now = SystemClock().Now();
  const auto after = std::chrono::system_clock::now();
  EXPECT_GE(now, std::chrono::duration_cast<std::chrono::microseconds>(before.time_since_epoch()).count());
  EXPECT_LE(now, std::chrono::duration_cast<std::chrono::microseconds>(after.time_since_epoch()).count());
  const MonotonicTime monotonic = SystemClock().Monotonic();
  EXPECT_LE(monotonic, std::chrono::steady_clock::now());
}

TEST(UuidV7Maker, PutsTheClocksMillisecondIntoTheId) {
  const testing::FakeClock clock(kNow);
  EXPECT_EQ(MillisOf(UuidV7Maker(clock).Make()), kNow / 1000);
}

TEST(UuidV7Maker, TwoMakersDiffer) {
  const testing::FakeClock clock(kNow);
  EXPECT_NE(UuidV7Maker(clock).Make(), UuidV7Maker(clock).Make());
  EXPECT_EQ(UuidV7Maker(clock, 7).Make(), UuidV7Maker(clock, 7).Make());
}

RC_GTEST_PROP(UuidV7MakerProperty, IdsGrowWhateverTheClockDoes, (std::uint64_t seed)) {
  // Steps of the clock in microseconds: mostly within a millisecond, now and then back.
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-3000, 3000));
  testing::FakeClock clock(kNow);
  UuidV7Maker maker(clock, seed);
  Uuid last = maker.Make();
  TimeMicros latest = clock.Now();
  for (const int step : steps) {
    clock.Advance(std::chrono::microseconds(step));
    latest = std::max(latest, clock.Now());
    const Uuid id = maker.Make();
    RC_ASSERT(last < id);
    RC_ASSERT(MillisOf(id) == latest / 1000);
    last = id;
  }
}

TEST(UuidV7Maker, ManyIdsOfOneMillisecondGrow) {
  const testing::FakeClock clock(kNow);
  UuidV7Maker maker(clock, 1);
  Uuid last = maker.Make();
  for (int i = 0; i < 200'000; ++i) {
    const Uuid id = maker.Make();
    ASSERT_LT(last, id);
    ASSERT_EQ(MillisOf(id), kNow / 1000);
    last = id;
  }
}

TEST(UuidV7Maker, ThreadsNeverGetTheSameId) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 5000;
  const testing::FakeClock clock(kNow);
  UuidV7Maker maker(clock, 1);
  std::vector<std::vector<Uuid>> made(kThreads);
  {
    std::vector<std::thread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&maker, &ids] {
        for (std::size_t i = 0; i < kEach; ++i) ids.push_back(maker.Make());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::set<Uuid> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::ranges::is_sorted(ids));
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), kThreads * kEach);
}

}  // namespace
}  // namespace eventstore::domain
