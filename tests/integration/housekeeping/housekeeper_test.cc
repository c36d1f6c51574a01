// The housekeeper with tasks made for the purpose, on the real database: what is recorded, who runs it, what ends it.
#include "server/housekeeping/housekeeper.h"

#include <atomic>
#include <functional>
#include <future>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/system_clock.h"
#include "server/storage/task_lock.h"
#include "tests/integration/store/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::housekeeping {
namespace {

using domain::Reason;
using domain::RunStatus;
using domain::RunTrigger;
using domain::TaskRun;
using ::testing::AllOf;
using testing::Eventually;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr std::chrono::hours kDay{24};

class MadeTask final : public Task {
 public:
  using Body = std::function<absl::StatusOr<TaskReport>(TaskContext&)>;
  MadeTask(std::string name, Body body) : name_(std::move(name)), body_(std::move(body)) {}
  std::string_view name() const override { return name_; }
  std::string_view description() const override { return "made for a test"; }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override { return body_(context); }

 private:
  const std::string name_;
  const Body body_;
};

absl::StatusOr<TaskReport> Done(TaskContext& /*context*/) { return TaskReport{{{"things", 3}}, "three things"}; }

absl::StatusOr<TaskReport> Sleep(TaskContext& context) {
  auto slept = context.session.RunScript("SELECT pg_sleep(600)");
  if (!slept.ok()) return slept.status();
  return TaskReport{};
}

class HousekeeperTest : public ::testing::Test {
 protected:
  struct Instance {
    StatusBoard board;
    std::unique_ptr<Housekeeper> housekeeper;
  };

  // One server with the task "work" and the task "other", which does nothing.
  std::unique_ptr<Instance> Start(MadeTask::Body body, const std::string& name = "server:1") {
    HousekeeperOptions options;
    options.look = std::chrono::milliseconds{5};
    options.runner.lock_timeout = std::chrono::milliseconds{50};
    TaskList tasks;
    tasks.push_back({.task = std::make_unique<MadeTask>("work", std::move(body))});
    tasks.push_back({.task = std::make_unique<MadeTask>("other", Done)});
    auto instance = std::make_unique<Instance>();
    instance->housekeeper = std::make_unique<Housekeeper>(options, database_.conninfo(), name, std::move(tasks),
                                                          *partitions_, clock_, instance->board);
    return instance;
  }

  std::vector<TaskRun> Runs(std::optional<RunStatus> status = std::nullopt) {
    auto runs = storage::ListRuns(session_, {"work", status, 100, 0});
    EXPECT_THAT(runs, IsOk());
    return runs.ok() ? *runs : std::vector<TaskRun>();
  }
  std::size_t Ended() { return Runs().size() - Runs(RunStatus::kRunning).size(); }

  // How a run that an operator asks for ends.
  static absl::StatusOr<TaskRun> Ask(Housekeeper& housekeeper, const std::string& task) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<TaskRun>>>();
    Housekeeper::Wish wish;
    wish.task = task;
    wish.done = [answer](const auto& run) { answer->set_value(run); };
    if (absl::Status asked = housekeeper.Ask(std::move(wish)); !asked.ok()) return asked;
    return answer->get_future().get();
  }
  // Until it has looked what is due: it does so between two wishes.
  static void AwaitALook(Housekeeper& housekeeper) {
    // It may be running by its schedule, here or there.
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(Eventually([&] { return Ask(housekeeper, "other").ok(); }));
  }

  testing::TestDatabase database_;
  storage::Session session_{database_.conninfo(), "test"};
  testing::FakeClock clock_{domain::SystemClock().Now()};
  std::unique_ptr<storage::Partitions> partitions_ = storage::PartitionsOf("timescaledb", "apache");
};

TEST_F(HousekeeperTest, RunsAtTheStartAndRecordsWhatCameOfIt) {
  const auto server = Start(Done);
  ASSERT_TRUE(Eventually([&] { return Ended() == 1; }));
  const TaskRun run = Runs().front();
  EXPECT_EQ(run.status, RunStatus::kSucceeded);
  EXPECT_EQ(run.trigger, RunTrigger::kStartup);
  EXPECT_EQ(run.instance, "server:1");
  EXPECT_EQ(run.attempt, 1);
  EXPECT_EQ(run.counts, (domain::Counts{{"things", 3}}));
  EXPECT_EQ(run.summary, "three things");
  EXPECT_EQ(run.error, "");
  EXPECT_TRUE(run.finished_at.has_value());
}

TEST_F(HousekeeperTest, RunsBySchedule) {
  const auto server = Start(Done);
  ASSERT_TRUE(Eventually([&] { return Ended() == 1; }));
  clock_.Advance(kDay);
  ASSERT_TRUE(Eventually([&] { return Ended() == 2; }));
  const TaskRun run = Runs().front();
  EXPECT_EQ(run.trigger, RunTrigger::kSchedule);
  ASSERT_TRUE(run.due_at.has_value());
  EXPECT_EQ(*run.due_at % domain::kMicrosPerDay, 2 * 3'600 * domain::kMicrosPerSecond) << "02:00 UTC";
}

TEST_F(HousekeeperTest, OfTwoInstancesOneRunsIt) {
  const auto first = Start(Done, "server:1");
  const auto second = Start(Done, "server:2");
  AwaitALook(*first->housekeeper);
  AwaitALook(*second->housekeeper);
  EXPECT_EQ(Runs().size(), 1U);
  clock_.Advance(kDay);
  AwaitALook(*first->housekeeper);
  AwaitALook(*second->housekeeper);
  ASSERT_TRUE(Eventually([&] { return Ended() == 2; }));
  AwaitALook(*first->housekeeper);
  AwaitALook(*second->housekeeper);
  EXPECT_EQ(Runs().size(), 2U);
}

TEST_F(HousekeeperTest, NeverTwoAtOnce) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto body = [&](TaskContext& context) -> absl::StatusOr<TaskReport> {
    most = std::max(most.load(), ++inside);
    auto slept = context.session.RunScript("SELECT pg_sleep(0.02)");
    --inside;
    if (!slept.ok()) return slept.status();
    return TaskReport{};
  };
  const auto first = Start(body, "server:1");
  const auto second = Start(body, "server:2");
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    auto one = std::async(std::launch::async, [&] { return Ask(*first->housekeeper, "work"); });
    const auto other = Ask(*second->housekeeper, "work");
    for (const auto& run : {one.get(), other}) {
      if (run.ok()) continue;
      EXPECT_THAT(run, HasReason(Reason::kTaskRunning));
      ++refused;
    }
  }
  EXPECT_EQ(most, 1);
  EXPECT_GT(refused, 0);
}

TEST_F(HousekeeperTest, WhoAsksWhileItRunsIsToldWhere) {
  std::atomic<bool> end = false;
  const auto body = [&](TaskContext&) -> absl::StatusOr<TaskReport> {
    EXPECT_TRUE(Eventually([&] { return end.load(); }));
    return TaskReport{};
  };
  const auto first = Start(body, "server:1");
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kRunning).size() == 1; }));
  const auto second = Start(body, "server:2");
  const auto refused = Ask(*second->housekeeper, "work");
  EXPECT_THAT(refused, HasReason(Reason::kTaskRunning));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("on server:1"));
  EXPECT_THAT(Ask(*first->housekeeper, "work"), HasReason(Reason::kTaskRunning));
  EXPECT_THAT(Ask(*first->housekeeper, "unknown"), HasReason(Reason::kTaskNotFound));
  end = true;
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kRunning).empty(); }));
}

TEST_F(HousekeeperTest, ARunWhoseServerDiedIsMarkedAndRepaired) {
  database_.Execute(
      "INSERT INTO housekeeper_runs (task, instance, trigger, attempt) VALUES ('work', 'dead:7', 'schedule', 1)");
  storage::Session holder(database_.conninfo(), "test");
  ASSERT_THAT(holder.EnsureConnected(), IsOk());
  auto lock = std::make_unique<storage::TaskLock>(holder, "work");
  ASSERT_TRUE(*lock->Try());
  const auto server = Start(Done);
  AwaitALook(*server->housekeeper);
  EXPECT_EQ(Runs(RunStatus::kRunning).size(), 1U) << "its lock is held, so it lives";
  lock.reset();
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kSucceeded).size() == 1; }));
  const auto dead = Runs(RunStatus::kInterrupted);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_THAT(dead.front().error, HasSubstr("dead:7 ended in the middle of it"));
  EXPECT_EQ(Runs(RunStatus::kSucceeded).front().trigger, RunTrigger::kRepair);
}

TEST_F(HousekeeperTest, ARunThatTakesTooLongIsCancelled) {
  std::atomic<bool> inside = false;
  const auto server = Start([&](TaskContext& context) {
    inside = true;
    return Sleep(context);
  });
  ASSERT_TRUE(Eventually([&] { return inside.load(); }));
  clock_.Advance(std::chrono::seconds{3'601});
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kFailed).size() == 1; }));
  EXPECT_THAT(Runs(RunStatus::kFailed).front().error, HasSubstr("longer than its time limit of 3600 s"));
}

TEST_F(HousekeeperTest, ALockThatIsNotFreeFailsTheRunWhichIsTriedAgain) {
  storage::Session reader(database_.conninfo(), "long reader");
  ASSERT_THAT(reader.RunScript("BEGIN; LOCK TABLE aggregate_heads IN ACCESS SHARE MODE"), IsOk());
  const auto server = Start([](TaskContext& context) -> absl::StatusOr<TaskReport> {
    auto locked = context.session.RunScript("BEGIN; LOCK TABLE aggregate_heads");
    context.session.RunScript("ROLLBACK").status().IgnoreError();
    if (!locked.ok()) return locked.status();
    return TaskReport{};
  });
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kFailed).size() == 1; }));
  EXPECT_THAT(Runs().front().error, AllOf(HasSubstr("another session held a lock for longer than 50 ms"),
                                          HasSubstr("eventstored long reader, idle in transaction")));
  AwaitALook(*server->housekeeper);
  EXPECT_EQ(Runs().size(), 1U) << "not at once";
  ASSERT_THAT(reader.RunScript("ROLLBACK"), IsOk());
  clock_.Advance(std::chrono::seconds{90});
  ASSERT_TRUE(Eventually([&] { return Ended() == 2; }));
  EXPECT_EQ(Runs().front().status, RunStatus::kSucceeded);
  EXPECT_EQ(Runs().front().attempt, 2);
}

TEST_F(HousekeeperTest, TheEndOfTheServerEndsTheRun) {
  auto server = Start(Sleep);
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kRunning).size() == 1; }));
  server->housekeeper->Stop();
  ASSERT_EQ(Runs().size(), 1U);
  EXPECT_EQ(Runs().front().status, RunStatus::kInterrupted);
  EXPECT_THAT(Runs().front().error, HasSubstr("the server was stopped"));
  EXPECT_THAT(Ask(*server->housekeeper, "work"), HasReason(Reason::kShuttingDown));
  server = Start(Done);
  ASSERT_TRUE(Eventually([&] { return Runs(RunStatus::kSucceeded).size() == 1; }));
  EXPECT_EQ(Runs().front().trigger, RunTrigger::kRepair);
}

TEST_F(HousekeeperTest, ASessionThatIsLostFailsTheRunAndTheNextOneWorks) {
  std::atomic<int> runs = 0;
  const auto server = Start([&](TaskContext& context) -> absl::StatusOr<TaskReport> {
    if (++runs > 1) return TaskReport{};
    auto died = context.session.RunScript("SELECT pg_terminate_backend(pg_backend_pid())");
    if (!died.ok()) return died.status();
    return TaskReport{};
  });
  ASSERT_TRUE(Eventually([&] { return Ended() == 1; }));
  EXPECT_EQ(Runs().front().status, RunStatus::kFailed);
  AwaitALook(*server->housekeeper);
  EXPECT_THAT(Ask(*server->housekeeper, "work"), IsOk());
}

TEST_F(HousekeeperTest, ASwitchedOffTaskRunsForOperatorsOnly) {
  database_.Execute(
      "INSERT INTO housekeeper_tasks (name, schedule, enabled, time_limit_s) VALUES ('work', '@daily', false, 60)");
  const auto server = Start([](TaskContext&) -> absl::StatusOr<TaskReport> {
    return TaskReport{.counts = {}, .summary = "nothing to do", .skipped = true};
  });
  clock_.Advance(kDay);
  AwaitALook(*server->housekeeper);
  EXPECT_EQ(Runs().size(), 0U);
  const auto run = Ask(*server->housekeeper, "work");
  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->status, RunStatus::kSkipped);
  EXPECT_EQ(run->trigger, RunTrigger::kOperator);
}

TEST_F(HousekeeperTest, TheStatusFollows) {
  const auto server = Start([](TaskContext&) -> absl::StatusOr<TaskReport> {
    return domain::ErrorOf(Reason::kInternal, "it does not work");
  });
  const auto work = [&]() -> TaskStatus {
    for (const auto& task : server->board.Get()->tasks) {
      if (task.name == "work") return task;
    }
    return {};
  };
  ASSERT_TRUE(Eventually([&] { return work().runs[RunStatus::kFailed] == 1; }));
  EXPECT_EQ(work().last_status, RunStatus::kFailed);
  EXPECT_EQ(work().failures, 1);
  EXPECT_FALSE(work().running);
  EXPECT_FALSE(work().overdue);
  EXPECT_EQ(work().last_success, std::nullopt);
  EXPECT_GT(server->board.Get()->taken_at, 0);
  // Known for days, and never a success.
  database_.Execute("UPDATE housekeeper_tasks SET changed_at = now() - interval '3 days' WHERE name = 'work'");
  server->housekeeper->Nudge();
  ASSERT_TRUE(Eventually([&] { return work().overdue; }));
}

}  // namespace
}  // namespace eventstore::housekeeping
