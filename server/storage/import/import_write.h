// What an import writes of its events.
#pragma once

#include "absl/status/status.h"
#include "server/domain/import.h"
#include "server/storage/pipeline_session.h"

namespace eventstore::storage {

// Queues the rows, the heads, and which of the rows are later than their own time. Fails as AddWrite() does.
absl::Status AddImported(PipelineSession& session, const domain::ImportPlan& plan);

}  // namespace eventstore::storage
