// Lanes held by somebody else, as another instance holds them while it appends: what is queued behind them gathers.
#pragma once

#include <set>
#include <string>

#include "server/storage/lane_lock.h"
#include "server/storage/session.h"
#include "tests/integration/store/eventually.h"
#include "tests/support/status_matchers.h"

namespace eventstore::testing {

class HeldLanes {
 public:
  HeldLanes(const std::string& conninfo, const std::set<int>& lanes)
      : holder_(conninfo, "holder"), watch_(conninfo, "watch") {
    EXPECT_THAT(holder_.RunScript(storage::BeginWithLanes(lanes)), IsOk());
  }

  // Until so many sessions wait for a lane: each of these writers has taken what was in its queue.
  bool AwaitWaiters(int count = 1) {
    return Eventually([&] {
      auto rows = watch_.RunText(
          "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1::oid AND NOT granted "
          "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
          {std::to_string(storage::kLaneLockClass)});
      return rows.ok() && (*rows)[0][0].as<int>() >= count;
    });
  }

  void Release() { EXPECT_THAT(holder_.RunScript("ROLLBACK"), IsOk()); }

 private:
  storage::Session holder_;
  storage::Session watch_;
};

}  // namespace eventstore::testing
