// The result of a run for programs: one JSON object. Times in milliseconds.
#pragma once

#include <string>

#include "tools/eventbench/load/drain.h"
#include "tools/eventbench/load/hold.h"
#include "tools/eventbench/options/options.h"
#include "tools/eventbench/run/run.h"

namespace eventstore::eventbench {

std::string ToJson(const Options& options, const RunResult& result);
std::string ToJson(const Options& options, const HoldFigures& held);
std::string ToJson(const Options& options, const DrainFigures& drained);

}  // namespace eventstore::eventbench
