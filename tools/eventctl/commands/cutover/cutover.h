// The subcommands of `eventctl cutover`.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/cutover.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/input/database.h"

namespace eventstore::eventctl {

struct CutoverFlags {
  DatabaseFlags database;
  domain::MoveLimits limits;
  std::string max_check_age = "24h";
  std::string quiet = "24h";
  std::string old_writers = "forward";
  std::string archive;
  bool yes = false;
};

// The flags of a step, and what they come to: where the database is.
absl::StatusOr<std::string> Prepare(const CutoverFlags& flags, domain::MoveLimits& limits);

// Whether a step may be taken, and why not.
void PrintConditions(const std::string& step, const std::vector<domain::MoveCondition>& conditions, Context& context);

ExitCode RunPlan(const CutoverFlags& flags, Context& context);
ExitCode RunCheck(const CutoverFlags& flags, Context& context);
ExitCode RunStep(domain::CutoverStep step, const CutoverFlags& flags, Context& context);

}  // namespace eventstore::eventctl
