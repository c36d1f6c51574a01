// Lines on their way to the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/eventctl/input/event_line.h"
#include "tools/eventctl/load/line_reader.h"

namespace eventstore::eventctl {

struct NumberedLine {
  std::uint64_t number = 0;  // in the input, from 1
  EventLine content;
};

struct Batch {
  Place begin;  // before its first line
  std::vector<NumberedLine> lines;
  std::size_t bytes = 0;  // of data and metadata
};

}  // namespace eventstore::eventctl
