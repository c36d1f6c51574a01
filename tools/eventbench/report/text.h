// The result of a run for people.
#pragma once

#include <ostream>

#include "tools/eventbench/options/options.h"
#include "tools/eventbench/run/run.h"
#include "tools/eventctl/output/terminal.h"

namespace eventstore::eventbench {

void PrintResult(std::ostream& out, const eventctl::Terminal& terminal, const Options& options,
                 const RunResult& result);

// "append=80,replay=20, 64 in flight, 2 connections, uniform over 10,000 aggregates, 200 bytes": what was run.
std::string Describe(const Options& options);

}  // namespace eventstore::eventbench
