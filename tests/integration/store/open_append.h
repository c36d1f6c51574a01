// An append that has written and not yet committed, as another instance's looks from outside.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/domain/decide.h"
#include "server/domain/lane.h"
#include "server/storage/append_statements.h"
#include "server/storage/lane_lock.h"
#include "server/storage/session.h"
#include "tests/support/status_matchers.h"

namespace eventstore::testing {

class OpenAppend {
 public:
  OpenAppend(const std::string& conninfo, domain::AppendBatch batch, int lanes = 2)
      : session_(conninfo, "open append"), batch_(std::move(batch)) {
    std::set<int> needed;
    for (const auto& append : batch_.appends) needed.insert(domain::LaneOf(append.aggregate_id, lanes));
    EXPECT_THAT(session_.RunScript(storage::BeginWithLanes(needed)), IsOk());
    const std::vector<const domain::AppendBatch*> requests{&batch_};
    auto before = storage::ReadHeads(session_, requests);
    EXPECT_THAT(before, IsOk());
    if (!before.ok()) return;
    plan_ = domain::Decide(requests, before->heads, {}, before->stamp);
    EXPECT_THAT(storage::WritePlan(session_, plan_), IsOk());
  }

  const domain::AppendedEvent& first() const { return plan_.rows.front().recorded; }
  void Commit() { EXPECT_THAT(session_.RunScript("COMMIT"), IsOk()); }
  void Rollback() { EXPECT_THAT(session_.RunScript("ROLLBACK"), IsOk()); }

 private:
  storage::Session session_;
  const domain::AppendBatch batch_;
  domain::AppendPlan plan_;
};

}  // namespace eventstore::testing
