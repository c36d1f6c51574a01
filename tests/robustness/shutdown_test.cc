// SIGTERM under load: what was acknowledged is there, what was not taken is told so in a way that every client knows how
// to deal with, and the server ends by itself.
#include <atomic>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "eventstore/client.h"
#include "gmock/gmock.h"
#include "server/storage/verifier.h"
#include "tests/robustness/ledger.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using client::VersionCheck;
using ::testing::Each;
using ::testing::Pair;
using ::testing::StartsWith;

class ShutdownTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartServer()); }

  void StartServer() {
    ServerProcess::Options options;
    options.database_url = database_.conninfo();
    auto started = ServerProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    server_ = *std::move(started);
  }

  // Without retries, so that the test sees what the server says.
  client::EventStoreClient Store() const {
    client::Options options;
    options.target = server_->address();
    options.retry.max_attempts = 1;
    return client::EventStoreClient(options);
  }

  TestDatabase database_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(ShutdownTest, EveryCallIsAnsweredOrToldToComeBack) {
  constexpr int kClients = 32;
  const client::EventStoreClient store = Store();
  Ledger ledger;
  std::mutex mutex;
  std::map<std::string, int> refusals;
  std::atomic<int> ended = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      const std::string own = client::MakeEvent("id").id();
      const std::string shared = "00000000-0000-7000-8000-00000000000" + std::to_string(i % 8);
      absl::Status refused;
      while (refused.ok()) {
        auto answer =
            store.Append({i % 2 == 0 ? own : shared, "entity"}, VersionCheck::Any(), {client::MakeEvent("load")});
        if (answer.ok()) ledger.Acknowledged(*answer);
        refused = answer.status();
        if (refused.ok()) refused = store.GetVersion(own).status();
      }
      // Nobody comes back at once who was asked to wait.
      const std::scoped_lock lock(mutex);
      ++refusals[std::string(absl::StatusCodeToString(refused.code())) + " " + client::ErrorReason(refused) +
                 (client::RetryDelay(refused) ? " with RetryInfo" : "")];
      ++ended;
    });
  }
  // A server that died does not get there.
  while (ledger.acknowledged() < 1'000 && ended < kClients) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->Terminate(), 0) << server_->Log();
  for (auto& client : clients) client.join();
  for (const auto& [refusal, times] : refusals) std::printf("%d clients: %s\n", times, refusal.c_str());
  std::printf("%zu events acknowledged\n", ledger.acknowledged());
  EXPECT_THAT(refusals, Each(Pair(StartsWith("UNAVAILABLE"), ::testing::_)));
  EXPECT_GT(refusals["UNAVAILABLE SHUTTING_DOWN with RetryInfo"], 0);

  ASSERT_NO_FATAL_FAILURE(StartServer());
  EXPECT_THAT(ledger.CheckAgainst(Store()), IsOk());
  const auto report = storage::Verifier(database_.conninfo()).Run({}, {});
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->clean()) << report->violations.front().rule << ": " << report->violations.front().detail;
  EXPECT_EQ(report->events, static_cast<std::int64_t>(ledger.acknowledged()));
}

TEST_F(ShutdownTest, AStreamThatHasBegunIsFinished) {
  constexpr int kEvents = 20'000;
  const client::EventStoreClient store = Store();
  const std::string aggregate = client::MakeEvent("id").id();
  const std::string data = R"({"text": ")" + std::string(500, 'x') + "\"}";
  for (int i = 0; i < kEvents; i += 1'000) {
    std::vector<v1::NewEvent> events;
    for (int j = 0; j < 1'000; ++j) events.push_back(client::MakeEvent("long", data));
    ASSERT_THAT(store.Append({aggregate, "entity"}, VersionCheck::Exactly(i), std::move(events)), IsOk());
  }
  // 10 MB: more than what lies ready between the two, so the server is in the middle of it.
  client::EventReader reader = store.ReadAggregate(aggregate);
  auto first = reader.Next();
  ASSERT_TRUE(first.has_value());
  ASSERT_THAT(*first, IsOk());
  server_->Signal(SIGTERM);
  ASSERT_TRUE(server_->WaitForLog("draining", std::chrono::seconds(60)));
  int seen = 1;
  for (auto& event : reader) {
    ASSERT_THAT(event, IsOk());
    ASSERT_EQ(event->version(), ++seen);
    // To be interrupted is no second signal.
    if (seen % 2'000 == 0) server_->Pause();
  }
  EXPECT_EQ(seen, kEvents);
  EXPECT_EQ(server_->WaitForExit(), 0) << server_->Log();
}

}  // namespace
}  // namespace eventstore::testing
