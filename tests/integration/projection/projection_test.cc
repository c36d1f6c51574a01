// Read models by the real server and a real database: each event has its effect once, whatever breaks in between.
#include "eventstore/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using client::Projection;
using client::ProjectionOptions;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{60};

bool Await(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

// Counts how often each event took effect.
absl::Status CountEvent(pqxx::work& tx, const v1::RecordedEvent& event) {
  client::Exec(tx, "INSERT INTO seen (id, times) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET times = seen.times + 1",
               event.id());
  return absl::OkStatus();
}

// A projection in a thread of its own.
class Runner {
 public:
  Runner(const client::EventStoreClient& store, v1::SubscribeRequest request, ProjectionOptions options,
         Projection::Handler handler)
      : projection_(store, std::move(request), std::move(options)),
        thread_([this, handler = std::move(handler)] { status_ = projection_.Run(handler); }) {}
  ~Runner() {
    projection_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  absl::Status Stop() {
    projection_.Stop();
    return Wait();
  }
  absl::Status Wait() {
    thread_.join();
    return status_;
  }

 private:
  Projection projection_;
  absl::Status status_;
  std::thread thread_;
};

class ProjectionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    store_database_ = new TestDatabase;
    ServerProcess::Options options;
    options.database_url = store_database_->conninfo();
    auto started = ServerProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    server_ = started->release();
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(server_->Terminate(), 0);
    delete server_;
    delete store_database_;
  }

  void SetUp() override { mine_.Execute("CREATE TABLE seen (id uuid PRIMARY KEY, times int NOT NULL)"); }

  static client::EventStoreClient Store() {
    client::Options options;
    options.target = server_->address();
    options.retry.max_backoff = milliseconds(100);
    return client::EventStoreClient(options);
  }

  // Of this test's own events, from the beginning.
  v1::SubscribeRequest Mine() const {
    v1::SubscribeRequest request;
    request.mutable_from_beginning();
    request.set_correlation_id(mark_);
    return request;
  }

  ProjectionOptions Options() const {
    ProjectionOptions options;
    options.name = "test";
    options.conninfo = mine_.conninfo();
    options.standby_pause = milliseconds(20);
    return options;
  }

  // In one append.
  void Append(int count) const {
    std::vector<v1::NewEvent> events;
    for (int i = 0; i < count; ++i) {
      events.push_back(client::MakeEvent("test"));
      events.back().set_correlation_id(mark_);
    }
    ASSERT_THAT(store_.Append({client::MakeUuidV7(), "entity"}, client::VersionCheck::Any(), events), IsOk());
  }

  std::int64_t Number(const std::string& sql) const {
    const pqxx::result rows = mine_.Execute(sql);
    return rows.empty() ? -1 : rows[0][0].as<std::int64_t>();
  }
  std::int64_t Seen() const { return Number("SELECT count(*) FROM seen"); }
  std::int64_t Times() const { return Number("SELECT coalesce(sum(times), 0) FROM seen"); }
  std::int64_t Noted() const { return Number("SELECT position FROM eventstore_projections WHERE name = 'test'"); }
  // The newest of this test.
  std::int64_t LastPosition() const {
    const pqxx::result rows =
        store_database_->Execute("SELECT max(global_position) FROM events_v2 WHERE correlation_id = '" + mark_ + "'");
    return rows[0][0].as<std::int64_t>();
  }

  // The sessions of projections, ended as an administrator or a failover would.
  std::int64_t EndSessions() const {
    return Number(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND "
        "application_name = 'projection'");
  }

  static inline TestDatabase* store_database_ = nullptr;
  static inline ServerProcess* server_ = nullptr;
  const client::EventStoreClient store_ = Store();
  const std::string mark_ = client::MakeUuidV7();
  TestDatabase mine_{TestDatabase::Content::kEmpty};
};

TEST_F(ProjectionTest, AppliesWhatIsThereAndWhatComes) {
  Append(30);
  {
    Runner runner(store_, Mine(), Options(), CountEvent);
    ASSERT_TRUE(Await([&] { return Seen() == 30; }));
    Append(3);
    ASSERT_TRUE(Await([&] { return Seen() == 33; }));
    EXPECT_THAT(runner.Stop(), IsOk());
  }
  EXPECT_GE(Noted(), LastPosition());
  // The next one goes on from there.
  Append(2);
  Runner runner(store_, Mine(), Options(), CountEvent);
  ASSERT_TRUE(Await([&] { return Seen() == 35; }));
  EXPECT_THAT(runner.Stop(), IsOk());
  EXPECT_EQ(Times(), 35);
}

TEST_F(ProjectionTest, AHandlersErrorStopsItWithNothingHalfApplied) {
  Append(10);
  int calls = 0;
  Projection failing(store_, Mine(), Options());
  const absl::Status ended = failing.Run([&](pqxx::work& tx, const v1::RecordedEvent& event) {
    if (++calls == 7) return absl::UnavailableError("the mail server is away");
    return CountEvent(tx, event);
  });
  EXPECT_EQ(ended, absl::UnavailableError("the mail server is away"));
  EXPECT_EQ(calls, 7);
  EXPECT_EQ(Seen(), 0);
  EXPECT_EQ(Noted(), -1);
  Runner runner(store_, Mine(), Options(), CountEvent);
  ASSERT_TRUE(Await([&] { return Seen() == 10; }));
  EXPECT_EQ(Times(), 10);
}

TEST_F(ProjectionTest, ABatchIsNoLargerThanAsked) {
  Append(10);
  auto options = Options();
  options.max_batch_events = 4;
  int calls = 0;
  Projection failing(store_, Mine(), options);
  EXPECT_THAT(failing.Run([&](pqxx::work& tx, const v1::RecordedEvent& event) {
    if (++calls == 10) return absl::CancelledError("enough");
    return CountEvent(tx, event);
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Seen(), 8);
}

TEST_F(ProjectionTest, ATransactionIsNoLongerThanAsked) {
  Append(10);
  auto options = Options();
  options.max_batch_time = milliseconds(0);
  int calls = 0;
  Projection failing(store_, Mine(), options);
  EXPECT_THAT(failing.Run([&](pqxx::work& tx, const v1::RecordedEvent& event) {
    if (++calls == 10) return absl::CancelledError("enough");
    return CountEvent(tx, event);
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Seen(), 9);
}

TEST_F(ProjectionTest, WrongSqlStopsItWithPostgresWords) {
  Append(1);
  Projection failing(store_, Mine(), Options());
  const absl::Status ended = failing.Run([&](pqxx::work& tx, const v1::RecordedEvent&) {
    tx.exec("SELECT * FROM no_such_table");
    return absl::OkStatus();
  });
  EXPECT_THAT(ended, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(ended.message()), HasSubstr("no_such_table"));
}

TEST_F(ProjectionTest, CheckpointsAreNotedWhereNothingMatches) {
  Runner runner(store_, Mine(), Options(), CountEvent);
  // Of an event that is somebody else's.
  ASSERT_THAT(
      store_.Append({client::MakeUuidV7(), "entity"}, client::VersionCheck::Any(), {client::MakeEvent("other")}),
      IsOk());
  EXPECT_TRUE(Await([&] {
    return mine_.Execute("SELECT to_regclass('eventstore_projections')")[0][0].is_null() == false && Noted() > 0;
  }));
  EXPECT_THAT(runner.Stop(), IsOk());
  EXPECT_EQ(Seen(), 0);
}

TEST_F(ProjectionTest, OneAtATimeAndTheOtherTakesOver) {
  std::atomic<int> first = 0;
  std::atomic<int> second = 0;
  const auto counting = [](std::atomic<int>& calls) {
    return [&calls](pqxx::work& tx, const v1::RecordedEvent& event) {
      ++calls;
      return CountEvent(tx, event);
    };
  };
  Append(5);
  Runner holder(store_, Mine(), Options(), counting(first));
  ASSERT_TRUE(Await([&] { return first == 5; }));
  std::atomic<int> asked = 0;
  client::Options waiting = store_.options();
  waiting.hooks.sleep = [&](milliseconds) {
    ++asked;
    std::this_thread::sleep_for(milliseconds(5));
  };
  Runner standby(client::EventStoreClient(waiting), Mine(), Options(), counting(second));
  ASSERT_TRUE(Await([&] { return asked >= 3; }));
  Append(5);
  ASSERT_TRUE(Await([&] { return Seen() == 10; }));
  EXPECT_EQ(second, 0);
  EXPECT_THAT(holder.Stop(), IsOk());
  Append(5);
  ASSERT_TRUE(Await([&] { return Seen() == 15; }));
  EXPECT_EQ(first, 10);
  EXPECT_EQ(second, 5);
  EXPECT_EQ(Times(), 15);
}

TEST_F(ProjectionTest, ExactThroughLostSessionsAndKilledServers) {
  // A server of its own, on its own database, that can be killed.
  const TestDatabase database;
  ServerProcess::Options options;
  options.database_url = database.conninfo();
  auto server = ServerProcess::Start(options);
  ASSERT_THAT(server, IsOk());
  options.grpc_port = (*server)->grpc_port();
  client::Options client_options = store_.options();
  client_options.target = (*server)->address();
  client_options.retry.max_attempts = 1'000;
  const client::EventStoreClient store(client_options);

  auto projection = Options();
  projection.conninfo += " application_name=projection";
  projection.max_batch_events = 5;
  // Two that take the lock from each other whenever a session is lost.
  Runner one(store, Mine(), projection, CountEvent);
  Runner other(store, Mine(), projection, CountEvent);
  std::atomic<bool> stop = false;
  std::atomic<int> appended = 0;
  std::thread writer([&] {
    while (!stop) {
      v1::NewEvent event = client::MakeEvent("test");
      event.set_correlation_id(mark_);
      if (store.Append({client::MakeUuidV7(), "entity"}, client::VersionCheck::NotYet(), {event}).ok()) ++appended;
    }
  });
  std::int64_t ended = 0;
  for (int i = 0; i < 12; ++i) {
    const auto before = Seen();
    EXPECT_TRUE(Await([&] { return Seen() >= before + 20; })) << "it does not go on after break " << i;
    if (i % 3 == 2) {
      (*server)->Kill();
      server = ServerProcess::Start(options);
      ASSERT_THAT(server, IsOk());
    } else {
      ended += EndSessions();
    }
  }
  stop = true;
  writer.join();
  EXPECT_TRUE(Await([&] { return Seen() == appended; })) << Seen() << " of " << appended;
  EXPECT_EQ(Times(), appended);
  EXPECT_GE(ended, 8);
  EXPECT_THAT(one.Stop(), IsOk());
  EXPECT_THAT(other.Stop(), IsOk());
}

TEST_F(ProjectionTest, WithoutItsRowItBeginsAnewEvenWhileItRuns) {
  Append(5);
  Runner runner(store_, Mine(), Options(), CountEvent);
  ASSERT_TRUE(Await([&] { return Seen() == 5 && Noted() >= LastPosition(); }));
  mine_.Execute("DELETE FROM eventstore_projections; DELETE FROM seen");
  Append(1);
  EXPECT_TRUE(Await([&] { return Seen() == 6; }));
  EXPECT_EQ(Times(), 6);
  EXPECT_THAT(runner.Stop(), IsOk());
}

TEST_F(ProjectionTest, AStoreThatWasSetBackIsExplained) {
  mine_.Execute(std::string(client::kProjectionsTable) +
                "; INSERT INTO eventstore_projections VALUES ('test', 9000000000000000000)");
  Projection projection(store_, Mine(), Options());
  const absl::Status ended = projection.Run(CountEvent);
  EXPECT_EQ(client::ErrorReason(ended), "POSITION_AHEAD");
  EXPECT_THAT(std::string(ended.message()), HasSubstr("projection test has applied events up to position 9000"));
  EXPECT_THAT(std::string(ended.message()), HasSubstr("delete its row in eventstore_projections"));
}

TEST_F(ProjectionTest, WaitsForADatabaseThatIsAwayAndTellsWhy) {
  auto options = Options();
  std::atomic<int> retries = 0;
  const std::string conninfo = options.conninfo;
  options.connect = [&] {
    return std::make_unique<pqxx::connection>(retries < 3 ? std::string("host=/nowhere") : conninfo);
  };
  options.on_retry = [&](const absl::Status& status) {
    EXPECT_THAT(std::string(status.message()), HasSubstr("projection test"));
    ++retries;
  };
  Append(1);
  Runner runner(store_, Mine(), options, CountEvent);
  EXPECT_TRUE(Await([&] { return Seen() == 1; }));
  EXPECT_EQ(retries, 3);
}

TEST_F(ProjectionTest, WhatIsMissingIsRefused) {
  auto options = Options();
  options.name = "";
  EXPECT_THAT(Projection(store_, Mine(), options).Run(CountEvent), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Projection(store_, {}, Options()).Run(CountEvent), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace eventstore::testing
