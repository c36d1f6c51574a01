// Consumer groups, for programs and for people.
#pragma once

#include <string>

#include "eventstore/v1/consumer_groups.pb.h"
#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

// Every field, on one line.
std::string GroupJson(const v1::ConsumerGroup& group);

// "1,234", "10,000+" when there may be more.
std::string LagText(const v1::ConsumerGroup& group);
// "3 s", "2:05", "26 h", "-" when there is no lag.
std::string BehindText(double seconds);

// The group with its members, for a person.
void PrintGroup(Context& context, const v1::ConsumerGroup& group);

// The event, and why it is parked.
std::string ParkedJson(const v1::ParkedEvent& parked);

}  // namespace eventstore::eventctl
