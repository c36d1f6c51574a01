// Whether an event at hand is one that a filter asks for; what Where::AndFilter says of rows in the database.
#pragma once

#include "server/domain/query.h"

namespace eventstore::domain {

bool Matches(const EventFilter& filter, const RecordedEvent& event);

}  // namespace eventstore::domain
