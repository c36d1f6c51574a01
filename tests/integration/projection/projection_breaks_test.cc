// Read models: each event has its effect once, whatever breaks in between.
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "tests/integration/projection/projection_fixture.h"

namespace eventstore::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

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
  ASSERT_TRUE(Eventually([&] { return first == 5; }));
  std::atomic<int> asked = 0;
  client::Options waiting = store_.options();
  waiting.hooks.sleep = [&](milliseconds) {
    ++asked;
    std::this_thread::sleep_for(milliseconds(5));
  };
  Runner standby(client::EventStoreClient(waiting), Mine(), Options(), counting(second));
  ASSERT_TRUE(Eventually([&] { return asked >= 3; }));
  Append(5);
  ASSERT_TRUE(Eventually([&] { return Seen() == 10; }));
  EXPECT_EQ(second, 0);
  EXPECT_THAT(holder.Stop(), IsOk());
  Append(5);
  ASSERT_TRUE(Eventually([&] { return Seen() == 15; }));
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
    EXPECT_TRUE(Eventually([&] { return Seen() >= before + 20; })) << "it does not go on after break " << i;
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
  EXPECT_TRUE(Eventually([&] { return Seen() == appended; })) << Seen() << " of " << appended;
  EXPECT_EQ(Times(), appended);
  EXPECT_GE(ended, 8);
  EXPECT_THAT(one.Stop(), IsOk());
  EXPECT_THAT(other.Stop(), IsOk());
}

TEST_F(ProjectionTest, WithoutItsRowItBeginsAnewEvenWhileItRuns) {
  Append(5);
  Runner runner(store_, Mine(), Options(), CountEvent);
  ASSERT_TRUE(Eventually([&] { return Seen() == 5 && Noted() >= LastPosition(); }));
  mine_.Execute("DELETE FROM eventstore_projections; DELETE FROM seen");
  Append(1);
  EXPECT_TRUE(Eventually([&] { return Seen() == 6; }));
  EXPECT_EQ(Times(), 6);
  EXPECT_THAT(runner.Stop(), IsOk());
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
  EXPECT_TRUE(Eventually([&] { return Seen() == 1; }));
  EXPECT_EQ(retries, 3);
}

}  // namespace
}  // namespace eventstore::testing
