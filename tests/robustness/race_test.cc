// Invariants 1, 2 and 4 across instances: two servers on one database, 64 clients on ten aggregates. Losers get ABORTED
// with the actual version, and nothing else goes wrong.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "eventstore/client.h"
#include "server/storage/verifier.h"
#include "tests/robustness/ledger.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

constexpr int kClients = 64;
constexpr int kAggregates = 10;
constexpr int kAppendsEach = 30;

using client::VersionCheck;

struct Tally {
  std::atomic<int> conflicts = 0;
  std::atomic<int> other_errors = 0;
  std::atomic<int> wrong_conflicts = 0;
};

class Racer {
 public:
  Racer(const client::EventStoreClient& store, const std::vector<std::string>& aggregates, Ledger& ledger, Tally& tally,
        int number)
      : store_(store), aggregates_(aggregates), ledger_(ledger), tally_(tally), number_(number) {}

  void Run() {
    for (int i = 0; i < kAppendsEach; ++i) {
      const std::string& aggregate = aggregates_[static_cast<std::size_t>(number_ * 7 + i) % kAggregates];
      switch ((number_ + i) % 3) {
        case 0:
          Any(aggregate);
          break;
        case 1:
          Pair(aggregate, aggregates_[static_cast<std::size_t>(number_ * 3 + i + 1) % kAggregates]);
          break;
        default:
          Exact(aggregate);
      }
    }
  }

 private:
  void Any(const std::string& aggregate) {
    Note(store_.Append({aggregate, "entity"}, VersionCheck::Any(), {client::MakeEvent("race.any")}));
  }

  // Over two aggregates (sometimes one, twice), in either order: whoever locks in order of arrival would deadlock.
  void Pair(const std::string& first, const std::string& second) {
    v1::AppendBatchRequest request;
    for (const std::string& aggregate : {first, second}) {
      auto* append = request.add_appends();
      append->set_aggregate_id(aggregate);
      append->set_aggregate_type("entity");
      append->set_any_version(true);
      *append->add_events() = client::MakeEvent("race.pair");
    }
    auto answer = store_.AppendBatch(request);
    if (!answer.ok()) return Other(answer.status());
    for (const auto& result : answer->results()) ledger_.Acknowledged(result);
  }

  void Exact(const std::string& aggregate) {
    for (;;) {
      auto now = store_.GetVersion(aggregate);
      if (!now.ok()) return Other(now.status());
      auto answer = store_.Append({aggregate, "entity"}, VersionCheck::Exactly(now->version()),
                                  {client::MakeEvent("race.exact"), client::MakeEvent("race.exact")});
      if (answer.ok()) return ledger_.Acknowledged(*answer);
      const auto conflict = client::AsVersionConflict(answer.status());
      if (!conflict) return Other(answer.status());
      ++tally_.conflicts;
      const auto& lost = conflict->conflicts.front();
      if (lost.aggregate_id != aggregate || lost.expected != now->version() || lost.actual <= now->version()) {
        ++tally_.wrong_conflicts;
      }
    }
  }

  void Note(const absl::StatusOr<v1::AppendResponse>& answer) {
    if (!answer.ok()) return Other(answer.status());
    ledger_.Acknowledged(*answer);
  }

  void Other(const absl::Status& status) {
    ++tally_.other_errors;
    ADD_FAILURE() << status;
  }

  const client::EventStoreClient& store_;
  const std::vector<std::string>& aggregates_;
  Ledger& ledger_;
  Tally& tally_;
  const int number_;
};

TEST(Race, TwoServersSixtyFourClientsTenAggregates) {
  TestDatabase database;
  std::array<std::unique_ptr<ServerProcess>, 2> servers;
  std::vector<client::EventStoreClient> stores;
  for (auto& server : servers) {
    ServerProcess::Options options;
    options.database_url = database.conninfo();
    auto started = ServerProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    server = *std::move(started);
    client::Options once;
    once.target = server->address();
    once.retry.max_attempts = 1;  // an error that a retry would hide is an error here
    stores.emplace_back(once);
  }
  std::vector<std::string> aggregates;
  for (int i = 0; i < kAggregates; ++i) aggregates.push_back(client::MakeEvent("id").id());

  Ledger ledger;
  Tally tally;
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(
        [&, i] { Racer(stores[static_cast<std::size_t>(i) % 2], aggregates, ledger, tally, i).Run(); });
  }
  for (auto& client : clients) client.join();

  std::printf("%zu events acknowledged, %d conflicts, %d other errors\n", ledger.acknowledged(), tally.conflicts.load(),
              tally.other_errors.load());
  EXPECT_EQ(tally.other_errors, 0);
  EXPECT_EQ(tally.wrong_conflicts, 0);
  EXPECT_GT(tally.conflicts, 0) << "nobody raced: the test proves nothing";
  EXPECT_THAT(ledger.CheckAgainst(stores[0]), IsOk());
  EXPECT_THAT(ledger.CheckAgainst(stores[1]), IsOk());

  v1::CountEventsRequest everything;
  auto count = stores[0].Count(everything);
  ASSERT_THAT(count, IsOk());
  EXPECT_EQ(count->count(), static_cast<std::int64_t>(ledger.acknowledged()));

  auto report = storage::Verifier(database.conninfo()).Run({}, [](const storage::VerifyProgress&) {});
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->clean()) << report->violations.front().rule << ": " << report->violations.front().detail;
  EXPECT_EQ(report->aggregates, kAggregates);
}

}  // namespace
}  // namespace eventstore::testing
