// A database, an instance, and the ways to make a group commit happen on purpose.
#pragma once

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "server/domain/position.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/held_lanes.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

inline std::int64_t TransactionOf(const domain::AppendedEvent& event) {
  return event.global_position >> domain::kOrdinalBits;
}

inline std::int64_t OrdinalOf(const domain::AppendedEvent& event) {
  return event.global_position & domain::kMaxOrdinal;
}

class AppenderTest : public ::testing::Test {
 protected:
  std::string Ask(const std::string& sql) const { return database_.Execute(sql)[0][0].c_str(); }
  std::string StoredEvents() const { return Ask("SELECT count(*) FROM events_v2"); }

  // Keeps lane 0 busy while `batches`, all of lane 0, are handed in, and gives their answers. They become one batch of
  // the writer: it takes everything that has gathered.
  std::vector<AppendAnswer> AppendTogether(std::vector<domain::AppendBatch> batches) {
    HeldLanes lane(database_.conninfo(), {0});
    auto opener = instance_.Start(One(AggregateIn(0, 99), domain::VersionCheck::Any(), {Event(next_opener_++)}));
    EXPECT_TRUE(lane.AwaitWaiters());
    std::vector<std::future<AppendAnswer>> started;
    started.reserve(batches.size());
    for (auto& batch : batches) started.push_back(instance_.Start(std::move(batch)));
    lane.Release();
    EXPECT_THAT(opener.get(), IsOk());
    std::vector<AppendAnswer> answers;
    answers.reserve(started.size());
    for (auto& one : started) answers.push_back(one.get());
    return answers;
  }

  TestDatabase database_;
  Instance instance_{database_.conninfo()};
  std::uint64_t next_opener_ = 0xFF'0000;
};

}  // namespace eventstore::testing
