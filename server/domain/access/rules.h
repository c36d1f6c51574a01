// What an identity may do. Pure, one function for each kind of request; every refusal is PERMISSION_DENIED and says what
// the identity may.
//
// Roles are checked before a request is looked at, limits on the request as the domain understands it. Reads that can be
// narrowed by a filter are narrowed: what the request leaves open is filled with what the identity may read, and what it
// names beyond that is refused. So nothing that others may not see is read at all. Replays of one aggregate are judged by
// the events themselves, since a stream with holes would be replayed to a wrong state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/domain/access/identity.h"
#include "server/domain/append.h"
#include "server/domain/query.h"
#include "server/domain/task_run.h"

namespace eventstore::domain::access {

// Of one call of the API.
struct CallRule {
  Roles any_of;
  // An identity with limits may make it, since its limits can be kept there. Every other call is refused to such a one.
  bool keeps_limits = false;
};

// ROLE_MISSING, or OUTSIDE_LIMITS where the call cannot keep the limits. `method`: "eventstore.v1.EventStore/Append".
absl::Status CheckCall(const Identity& identity, const CallRule& rule, std::string_view method);

// All below: OUTSIDE_LIMITS naming the field of the request.

// The type and user that each event is recorded with. An aggregate's type is that of its events: whoever may append events
// of a type may append them to any aggregate whose id is known.
absl::Status CheckAppend(const Identity& identity, const AppendBatch& batch);

// ReadAll and Subscribe.
absl::Status Narrow(const Identity& identity, EventFilter& filter);
absl::Status Narrow(const Identity& identity, UserQuery& query);
absl::Status Narrow(const Identity& identity, CountQuery& query);
absl::Status Narrow(const Identity& identity, CorrelationQuery& query);

// Of an aggregate that is replayed, or asked for its version.
absl::Status CheckEvent(const Identity& identity, const RecordedEvent& event);
// Nothing of the aggregate is left that could tell whose it is.
absl::Status UnknownAggregate(const Identity& identity);

// Operational records on the timeline of a correlation are nobody's that limits could name.
absl::Status CheckTimeline(const Identity& identity);

// ROLE_MISSING for an operator who would have events or records dropped: that is an admin's.
absl::Status CheckRun(const Identity& identity, const RunRequest& request);

}  // namespace eventstore::domain::access
