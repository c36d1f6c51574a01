// Recorded events, for programs and for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "eventstore/v1/event.pb.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {

// Every field, `data` and `metadata` as objects exactly as stored. `eventctl load` reads this too.
std::string EventJson(const v1::RecordedEvent& event);

// What a table of events shows; which columns make sense depends on what is the same in all rows.
enum class EventColumn { kPosition, kTime, kAggregate, kAggregateType, kVersion, kEventType, kUser, kData };

// Events as they come: a table for people, JSON lines for programs.
class EventPrinter {
 public:
  EventPrinter(Context& context, std::vector<EventColumn> columns);

  void Print(const v1::RecordedEvent& event);
  // Everything printed so far becomes visible.
  void Flush();

  std::size_t printed() const { return printed_; }

 private:
  Context& context_;
  const std::vector<EventColumn> columns_;
  Table table_;
  std::size_t printed_ = 0;
};

}  // namespace eventstore::eventctl
