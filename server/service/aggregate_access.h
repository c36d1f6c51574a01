// Reads of one aggregate for a caller with limits. What an aggregate is, its events say; so they are read, and judged, before
// anything is told. Of an id that is not in use nothing is hidden: that it is free is no secret.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "server/domain/query.h"
#include "server/service/admission.h"
#include "server/storage/cursor_aggregate.h"

namespace eventstore::service {

// Whether the caller may know the version of an aggregate: by its newest event.
absl::Status CheckAggregate(const Admission& admission, storage::Session& session, storage::ChunkCatalog& chunks,
                            const domain::Uuid& id);

// Ends with OUTSIDE_LIMITS at the first event that the caller may not read, and when there is none to judge by.
std::unique_ptr<storage::AggregateCursor> MakeAggregateCursor(const Admission& admission,
                                                              const domain::AggregateQuery& query,
                                                              storage::ChunkCatalog& chunks);

}  // namespace eventstore::service
