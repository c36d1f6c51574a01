// Who appended an event, as a member of its metadata that only the server writes.
#pragma once

#include "server/domain/access/identity.h"
#include "server/domain/append.h"

namespace eventstore::domain::access {

// While it is written, clients must not send it (json_object.h refuses it).
inline constexpr char kRecordedBy[] = "_recorded_by";

// Adds the member to the metadata of every event: the identity's name and nothing else, so that a retry by the same
// identity is the same append, whatever key it uses by then.
void StampRecordedBy(const Identity& identity, AppendBatch& batch);

}  // namespace eventstore::domain::access
