// The figures of a run as they are shown everywhere: one row for each kind of operation, and one for all.
#pragma once

#include <string>
#include <vector>

#include "tools/eventbench/measure/recorder.h"
#include "tools/eventbench/run/run.h"

namespace eventstore::eventbench {

struct Row {
  std::string name;  // "append", or "all"
  const Totals* totals = nullptr;
};

// Kinds that were done or failed at least once. "all" only when there are several; it is held by `all`.
std::vector<Row> Rows(const RunResult& result, Totals& all);

// "0.482", "12.3", "1,204": milliseconds with three digits that mean something.
std::string Milliseconds(double nanoseconds);

// The percentiles that are reported.
inline constexpr double kPercentiles[] = {50, 90, 99, 99.9, 99.99};

}  // namespace eventstore::eventbench
