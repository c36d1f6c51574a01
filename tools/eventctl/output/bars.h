// Counts drawn as bars.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tools/eventctl/output/terminal.h"

namespace eventstore::eventctl {

// `value` of `max` as a bar of at most `columns`. With UTF-8 to an eighth of a column; a value above zero always shows.
std::string Bar(std::int64_t value, std::int64_t max, int columns, bool utf8);

// Values as one line of little bars, each of one column; 0 is the lowest, and shows.
std::string Spark(const std::vector<std::int64_t>& values, bool utf8);

// One line a group: key, count, share, bar. In the order given.
void PrintBars(std::ostream& out, const Terminal& terminal,
               const std::vector<std::pair<std::string, std::int64_t>>& groups);

// 57451 -> "57,451".
std::string WithThousands(std::int64_t number);

// "1 event", "57,451 events".
std::string CountOf(std::int64_t number, const std::string& what);

}  // namespace eventstore::eventctl
