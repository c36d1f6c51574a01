#include "server/storage/answerer.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"

namespace eventstore::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

// Of something that must not happen: how long it is waited for.
constexpr auto kAWhile = 50ms;

// Which requests got their answer, and on which thread the last one. None is told before Release(), if `held`.
class Told {
 public:
  explicit Told(bool held = false) {
    if (!held) Release();
  }

  LaneAnswer Number(int number) {
    auto request = std::make_unique<AppendRequest>();
    request->done = [this, number](const domain::AppendBatch&, const AppendOutcome&) {
      started_ = true;
      released_.wait();
      const std::scoped_lock lock(mutex_);
      numbers_.push_back(number);
      thread_ = std::this_thread::get_id();
    };
    return {std::move(request), {domain::AppendBatchResult{}}};
  }

  std::vector<LaneAnswer> Numbers(int from, int to) {
    std::vector<LaneAnswer> answers;
    for (int number = from; number <= to; ++number) answers.push_back(Number(number));
    return answers;
  }

  void Release() { release_.set_value(); }

  std::vector<int> numbers() {
    const std::scoped_lock lock(mutex_);
    return numbers_;
  }
  std::thread::id thread() {
    const std::scoped_lock lock(mutex_);
    return thread_;
  }
  bool started() const { return started_; }

 private:
  std::promise<void> release_;
  const std::shared_future<void> released_ = release_.get_future().share();
  std::atomic<bool> started_ = false;
  std::mutex mutex_;
  std::vector<int> numbers_;
  std::thread::id thread_;
};

TEST(AnswererTest, AnswersAreGivenInTheirOrderOnAThreadOfTheirOwn) {
  Told told;
  Answerer answerer;
  answerer.Put(told.Numbers(1, 2));
  answerer.Put({});
  answerer.Put(told.Numbers(3, 3));
  answerer.Flush();
  EXPECT_THAT(told.numbers(), ElementsAre(1, 2, 3));
  EXPECT_NE(told.thread(), std::this_thread::get_id());
}

TEST(AnswererTest, WhoPutsDoesNotWaitForAnAnswerUnderWay) {
  Told told(true);
  Answerer answerer;
  answerer.Put(told.Numbers(1, 1));
  answerer.Put(told.Numbers(2, 2));
  EXPECT_THAT(told.numbers(), IsEmpty());
  told.Release();
  answerer.Flush();
  EXPECT_THAT(told.numbers(), ElementsAre(1, 2));
}

TEST(AnswererTest, FlushWaitsForTheAnswerUnderWay) {
  Told told(true);
  Answerer answerer;
  answerer.Put(told.Numbers(1, 1));
  while (!told.started()) std::this_thread::yield();
  auto flushed = std::async(std::launch::async, [&] { answerer.Flush(); });
  EXPECT_EQ(flushed.wait_for(kAWhile), std::future_status::timeout);
  told.Release();
  flushed.get();
  EXPECT_THAT(told.numbers(), ElementsAre(1));
}

TEST(AnswererTest, WhatWaitsAtTheEndIsGiven) {
  Told told(true);
  std::optional<Answerer> answerer(std::in_place);
  answerer->Put(told.Numbers(1, 1));
  answerer->Put(told.Numbers(2, 3));
  told.Release();
  answerer.reset();
  EXPECT_THAT(told.numbers(), ElementsAre(1, 2, 3));
}

TEST(AnswererTest, WhoeverIsTooFarAheadWaits) {
  Told told(true);
  Answerer answerer;
  // A group of any size is let in while less than the limit waits.
  answerer.Put(told.Numbers(1, Answerer::kMaxWaiting - 1));
  answerer.Put(told.Numbers(1, 2));
  auto put = std::async(std::launch::async, [&] { answerer.Put(told.Numbers(1, 1)); });
  EXPECT_EQ(put.wait_for(kAWhile), std::future_status::timeout);
  told.Release();
  put.get();
  answerer.Flush();
  EXPECT_EQ(told.numbers().size(), Answerer::kMaxWaiting + 2);
}

}  // namespace
}  // namespace eventstore::storage
