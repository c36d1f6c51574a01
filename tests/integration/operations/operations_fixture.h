// A database with operational records, and sessions as the server has them.
#pragma once

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/error.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/system_clock.h"
#include "server/storage/operations/record_store.h"
#include "server/storage/session.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

class OperationsTest : public ::testing::Test {
 protected:
  using Status = domain::ExecutionStatus;

  std::int64_t Number(const std::string& sql) const { return database_.Execute(sql)[0][0].as<std::int64_t>(); }
  std::string Text(const std::string& sql) const { return database_.Execute(sql)[0][0].c_str(); }

  domain::NewId NewId(bool sent = true) { return {ids_.Make(), sent}; }

  domain::NewExecution Wanted(const std::string& action = "core.echo") {
    domain::NewExecution execution;
    execution.id = NewId();
    execution.action_ref = action;
    execution.parameters = "{}";
    return execution;
  }

  domain::Execution Made(const std::string& action = "core.echo") {
    auto made = storage::CreateExecution(session_, Wanted(action));
    EXPECT_THAT(made, IsOk());
    return made.value_or(domain::Execution{});
  }

  static domain::Move MoveOf(const domain::Execution& execution, Status expected, Status status) {
    return {{execution.id, execution.created}, expected, status, {}, {}};
  }
  absl::StatusOr<domain::Execution> Move(const domain::Execution& execution, Status expected, Status status) {
    return storage::MoveExecution(session_, MoveOf(execution, expected, status));
  }

  // Partitions for days before today, which the native engine does not make by itself.
  void EnsureDays(int from, int to) const {
    database_.Execute("SELECT make_partitions(table_name, now() + interval '" + std::to_string(from) +
                      " days', now() + interval '" + std::to_string(to) + " days') FROM time_tables");
  }

  TestDatabase database_;
  domain::SystemClock clock_;
  domain::UuidV7Maker ids_{clock_};
  storage::Session session_{database_.conninfo(), "operations"};
};

inline domain::Reason ReasonOf(const absl::Status& status) { return domain::FromStatus(status).reason; }

}  // namespace eventstore::testing
