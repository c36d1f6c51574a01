// A consumer group on two servers, through kills of servers, consumers and their database sessions: with an inbox each event
// takes effect exactly once, and events of an aggregate in the order of versions.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "eventstore/consumer_groups.h"
#include "eventstore/group_inbox.h"
#include "tests/integration/store/eventually.h"
#include "tests/robustness/group_worker.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using client::GroupConsumer;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{120};
constexpr char kGroup[] = "group";
constexpr char kType[] = "group.counted";
constexpr int kAggregates = 20;
constexpr int kBreaks = 12;
constexpr std::int64_t kEventsBetween = 100;
// After so many events a consumer vanishes, as if it had been killed, with what it has in hand.
constexpr int kEventsOfALife = 70;

// Of all consumers.
struct Tally {
  std::atomic<int> repeats = 0;
  std::atomic<int> too_late = 0;
};

// An effect, and the versions of its aggregate that took effect before it.
void Apply(pqxx::work& tx, const v1::RecordedEvent& event) {
  client::Exec(tx,
               "INSERT INTO effects (id, aggregate, version, version_before) "
               "SELECT $1, $2, $3, coalesce(max(version), 0) FROM effects WHERE aggregate = $2",
               event.id(), event.aggregate_id(), event.version());
}

void Handle(GroupConsumer& consumer, pqxx::connection& connection, Tally& tally) {
  client::GroupInbox inbox(kGroup);
  for (int taken = 0; taken < kEventsOfALife; ++taken) {
    const auto delivery = consumer.Next();
    if (!delivery) return;
    ASSERT_THAT(*delivery, IsOk());
    pqxx::work tx(connection);
    if (inbox.Note(tx, **delivery)) {
      Apply(tx, (*delivery)->event);
    } else {
      ++tally.repeats;
    }
    tx.commit();
    if (!consumer.Ack(**delivery)) ++tally.too_late;
  }
}

GroupWorker::Life WithInbox(const std::string& conninfo, Tally& tally) {
  return [conninfo, &tally](GroupConsumer& consumer) {
    try {
      pqxx::connection connection(conninfo + " application_name=worker");
      Handle(consumer, connection, tally);
    } catch (const pqxx::failure&) {
      // The session was ended; whether the last transaction was committed is for the inbox to know.
      consumer.Cancel();
    }
  };
}

class GroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    mine_.Execute(
        // Not unique: what happens twice is to be seen.
        "CREATE TABLE effects (id uuid, aggregate uuid, version int, version_before int);"
        "CREATE INDEX ON effects (aggregate, version)");
    pqxx::connection connection(mine_.conninfo());
    client::GroupInbox::EnsureTable(connection);
    for (auto& server : servers_) ASSERT_NO_FATAL_FAILURE(Start(server, 0));
  }

  void Start(std::unique_ptr<ServerProcess>& server, int port) {
    ServerProcess::Options options;
    options.database_url = database_.conninfo();
    options.grpc_port = port;
    auto started = ServerProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    server = *std::move(started);
  }

  client::EventStoreClient Store(int server) const {
    client::Options options;
    options.target = servers_[server]->address();
    options.retry.max_attempts = 1'000;
    options.retry.max_backoff = milliseconds(200);
    options.call_timeout = kPatience;
    return client::EventStoreClient(options);
  }

  std::int64_t Number(const std::string& sql) const { return mine_.Execute(sql)[0][0].as<std::int64_t>(); }
  std::int64_t Effects() const { return Number("SELECT count(*) FROM effects"); }

  const TestDatabase database_;
  const TestDatabase mine_{TestDatabase::Content::kEmpty};
  std::unique_ptr<ServerProcess> servers_[2];
};

TEST_F(GroupTest, WithAnInboxEachEventTakesEffectOnceThroughKills) {
  const client::ConsumerGroups groups(Store(0));
  v1::CreateConsumerGroupRequest request;
  request.set_name(kGroup);
  request.set_buckets(8);
  request.mutable_settings()->mutable_filter()->add_event_types(kType);
  request.mutable_settings()->set_max_deliveries(1'000);
  request.mutable_from_beginning();
  ASSERT_THAT(groups.Create(request), IsOk());

  Tally tally;
  std::vector<std::unique_ptr<GroupWorker>> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(std::make_unique<GroupWorker>(
        Store(i % 2),
        client::GroupConsumerOptions{
            .group = kGroup, .consumer_name = "worker-" + std::to_string(i), .max_in_flight = 20},
        [&] { return WithInbox(mine_.conninfo(), tally); }));
  }
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const client::EventStoreClient store = Store(1);
    std::vector<std::string> aggregates;
    for (int i = 0; i < kAggregates; ++i) aggregates.push_back(client::MakeUuidV7());
    for (std::size_t i = 0; !stop; ++i) {
      EXPECT_THAT(store.Append({aggregates[i * i % aggregates.size()], "entity"}, client::VersionCheck::Any(),
                               {client::MakeEvent(kType), client::MakeEvent(kType)}),
                  IsOk());
      std::this_thread::sleep_for(milliseconds(2));  // no more than the consumers can take
    }
  });
  std::int64_t sessions = 0;
  for (int i = 0; i < kBreaks; ++i) {
    const std::int64_t before = Effects();
    EXPECT_TRUE(Eventually([&] { return Effects() >= before + kEventsBetween; }, kPatience))
        << "no progress after break " << i;
    if (i % 3 == 2) {
      auto& server = servers_[i % 2];
      const int port = server->grpc_port();
      server->Kill();
      ASSERT_NO_FATAL_FAILURE(Start(server, port));
    } else {
      sessions += Number(
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
          "WHERE datname = current_database() AND application_name = 'worker'");
    }
  }
  stop = true;
  writer.join();

  v1::CountEventsRequest count;
  count.add_event_types(kType);
  const auto stored = Store(0).Count(count);
  ASSERT_THAT(stored, IsOk());
  EXPECT_TRUE(Eventually([&] { return Effects() >= stored->count(); }, kPatience))
      << Effects() << " of " << stored->count();
  int lives = 0;
  for (auto& worker : workers) {
    worker->Stop();
    lives += worker->lives();
  }
  std::printf("%lld events; %d consumers, %lld sessions ended, %d deliveries again, %d answers too late\n",
              static_cast<long long>(stored->count()), lives, static_cast<long long>(sessions), tally.repeats.load(),
              tally.too_late.load());
  EXPECT_EQ(Effects(), stored->count());
  EXPECT_EQ(Number("SELECT count(DISTINCT id) FROM effects"), stored->count()) << "some took effect twice";
  EXPECT_EQ(Number("SELECT count(*) FROM effects WHERE version <> version_before + 1"), 0) << "some out of order";
  EXPECT_GT(sessions, 0);
  EXPECT_GT(lives, 4);

  // Everything was answered, so nothing is left, and nothing is parked.
  EXPECT_TRUE(Eventually(
      [&] {
        const auto group = groups.Get(kGroup);
        return group.ok() && group->lag_events() == 0;
      },
      kPatience));
  EXPECT_EQ(groups.Get(kGroup)->parked_events(), 0);
  for (auto& server : servers_) EXPECT_EQ(server->Terminate(), 0);
}

}  // namespace
}  // namespace eventstore::testing
