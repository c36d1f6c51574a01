// Projections of the real server into a real database, each in a thread of its own.
#pragma once

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "eventstore/projection.h"
#include "gmock/gmock.h"
#include "tests/integration/store/eventually.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

// Counts how often each event took effect.
inline absl::Status CountEvent(pqxx::work& tx, const v1::RecordedEvent& event) {
  client::Exec(tx, "INSERT INTO seen (id, times) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET times = seen.times + 1",
               event.id());
  return absl::OkStatus();
}

// A projection in a thread of its own.
class Runner {
 public:
  Runner(const client::EventStoreClient& store, v1::SubscribeRequest request, client::ProjectionOptions options,
         client::Projection::Handler handler)
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
  client::Projection projection_;
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
    options.retry.max_backoff = std::chrono::milliseconds(100);
    return client::EventStoreClient(options);
  }

  // Of this test's own events, from the beginning.
  v1::SubscribeRequest Mine() const {
    v1::SubscribeRequest request;
    request.mutable_from_beginning();
    request.set_correlation_id(mark_);
    return request;
  }

  client::ProjectionOptions Options() const {
    client::ProjectionOptions options;
    options.name = "test";
    options.conninfo = mine_.conninfo();
    options.standby_pause = std::chrono::milliseconds(20);
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

}  // namespace eventstore::testing
