// An older state of the store comes back below a running server: a copy of the cluster is put in place of the one that was
// in use. Positions that were given out will come again, so subscribers are told; consumer groups go on by their stored places.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "eventstore/consumer_groups.h"
#include "eventstore/errors.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/embedded/private_postgres.h"
#include "tests/integration/store/eventually.h"
#include "tests/robustness/deliveries.h"
#include "tests/robustness/group_worker.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace eventstore::testing {
namespace {

using client::GroupConsumer;

constexpr char kGroup[] = "group";
constexpr int kAggregates = 8;
constexpr std::chrono::seconds kPatience{120};

class StoreLostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartCluster());
    ServerProcess::Options options;
    options.database_url = postgres_->conninfo();
    auto started = ServerProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    server_ = *std::move(started);
    for (int i = 0; i < kAggregates; ++i) aggregates_.push_back(client::MakeUuidV7());
  }

  void StartCluster() {
    embedded::PrivatePostgresOptions options;
    options.data_dir = folder_.path() + "/data";
    options.durable = false;
    options.shared_buffers_mb = 64;
    auto started = embedded::PrivatePostgres::Start(options);
    ASSERT_THAT(started, IsOk());
    postgres_ = *std::move(started);
  }

  // The server runs, and waits for its database.
  void CopyAside() {
    postgres_.reset();
    // Owners and modes with it.
    const std::string command = fmt::format("cp -a {0}/data/pgdata {0}/copy", folder_.path());
    ASSERT_EQ(std::system(command.c_str()), 0);
    ASSERT_NO_FATAL_FAILURE(GoOn());
  }
  void PutBack() {
    postgres_.reset();
    std::filesystem::rename(folder_.path() + "/data/pgdata", folder_.path() + "/later");
    std::filesystem::rename(folder_.path() + "/copy", folder_.path() + "/data/pgdata");
    ASSERT_NO_FATAL_FAILURE(GoOn());
  }
  void GoOn() {
    ASSERT_NO_FATAL_FAILURE(StartCluster());
    ASSERT_TRUE(server_->WaitUntilServing(kPatience)) << server_->Log();
  }

  client::EventStoreClient Store() const {
    client::Options options;
    options.target = server_->address();
    options.call_timeout = kPatience;
    options.retry.max_attempts = 1'000;
    options.retry.max_backoff = std::chrono::milliseconds(250);
    return client::EventStoreClient(options);
  }

  // One event each; the ids.
  std::set<std::string> AppendToAll(const client::EventStoreClient& store) {
    std::set<std::string> ids;
    for (const std::string& aggregate : aggregates_) {
      const auto answer =
          store.Append({aggregate, "entity"}, client::VersionCheck::Any(), {client::MakeEvent("happened")});
      EXPECT_THAT(answer, IsOk());
      if (answer.ok()) ids.insert(answer->events(0).id());
    }
    return ids;
  }

  TempDir folder_;
  std::unique_ptr<embedded::PrivatePostgres> postgres_;
  std::unique_ptr<ServerProcess> server_;
  std::vector<std::string> aggregates_;
};

// Every event that a group's consumer was given.
class Handled {
 public:
  GroupWorker::Life Life() {
    return [this](GroupConsumer& consumer) {
      while (const auto delivery = consumer.Next()) {
        const std::scoped_lock lock(mutex_);
        ended_ = delivery->status();
        if (!delivery->ok()) return;
        ids_.insert((*delivery)->event.id());
        consumer.Ack(**delivery);
      }
    };
  }
  bool Has(const std::set<std::string>& ids) const {
    const std::scoped_lock lock(mutex_);
    return std::ranges::includes(ids_, ids);
  }
  absl::Status ended() const {
    const std::scoped_lock lock(mutex_);
    return ended_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> ids_;
  absl::Status ended_;
};

TEST_F(StoreLostTest, SubscribersAreToldAndGroupsGoOn) {
  const client::EventStoreClient store = Store();
  const client::ConsumerGroups groups(store);
  v1::CreateConsumerGroupRequest create;
  create.set_name(kGroup);
  create.mutable_from_beginning();
  ASSERT_THAT(groups.Create(create), IsOk());
  Handled handled;
  GroupWorker worker(store, {.group = kGroup}, [&] { return handled.Life(); });
  const Deliveries subscriber(store);
  const auto settled = [&] {
    const auto group = groups.Get(kGroup);
    return group.ok() && group->lag_events() == 0;
  };

  const auto before = AppendToAll(store);
  ASSERT_TRUE(Eventually([&] { return handled.Has(before) && settled(); }));
  ASSERT_NO_FATAL_FAILURE(CopyAside());

  // What will be gone. The group's consumer has settled it; its place lies behind it, with the server and in the database.
  std::set<std::string> gone;
  for (int round = 0; round < 50; ++round) gone.merge(AppendToAll(store));
  ASSERT_TRUE(Eventually([&] { return handled.Has(gone) && settled() && subscriber.count() == 51 * kAggregates; }));
  ASSERT_NO_FATAL_FAILURE(PutBack());

  EXPECT_TRUE(Eventually([&] { return !subscriber.broken().ok(); }));
  EXPECT_THAT(subscriber.broken(), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(client::ErrorReason(subscriber.broken()), "POSITION_AHEAD");

  const auto after = AppendToAll(store);
  EXPECT_TRUE(Eventually([&] { return handled.Has(after) && settled(); })) << server_->Log();
  // A consumer has no place of its own that could be ahead: its call breaks and is made again, by itself.
  EXPECT_THAT(handled.ended(), IsOk());
  EXPECT_EQ(worker.lives(), 1);
  worker.Stop();
  EXPECT_EQ(server_->Terminate(), 0);
}

}  // namespace
}  // namespace eventstore::testing
