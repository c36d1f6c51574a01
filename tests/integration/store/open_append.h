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
#include "tests/support/status_matchers.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {

class OpenAppend {
 public:
  OpenAppend(const std::string& conninfo, domain::AppendBatch batch, int lanes = 2,
             storage::LaneMode mode = storage::LaneMode::kAlone)
      : session_(conninfo, "open append", storage::kAppendSettings), batch_(std::move(batch)) {
    std::set<int> needed;
    for (const auto& append : batch_.appends) needed.insert(domain::LaneOf(append.aggregate_id, lanes));
    const std::vector<const domain::AppendBatch*> requests{&batch_};
    storage::RecentChunks chunks;
    chunks.Use(TestEngine().recent);
    EXPECT_THAT(chunks.Load(session_), IsOk());
    EXPECT_THAT(storage::AddBegin(session_, needed, mode, requests, chunks), IsOk());
    EXPECT_THAT(session_.Send(), IsOk());
    auto before = storage::CollectBefore(session_, requests, chunks);
    EXPECT_THAT(before, IsOk());
    if (!before.ok()) return;
    plan_ = domain::Decide(requests, before->heads, before->stored, before->stamp);
    EXPECT_THAT(storage::AddReach(session_, plan_, *before, chunks), IsOk());
    EXPECT_THAT(storage::AddWrite(session_, plan_), IsOk());
    EXPECT_THAT(session_.Run(), IsOk());
  }

  const domain::AppendedEvent& first() const { return plan_.rows.front().recorded; }
  void Commit() { End(storage::AddCommit(session_)); }
  void Rollback() { End(storage::AddRollback(session_)); }

 private:
  void End(const absl::Status& queued) {
    EXPECT_THAT(queued, IsOk());
    EXPECT_THAT(session_.Run(), IsOk());
  }

  storage::PipelineSession session_;
  const domain::AppendBatch batch_;
  domain::AppendPlan plan_;
};

}  // namespace eventstore::testing
