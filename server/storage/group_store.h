// Consumer groups as they are stored: made, looked at, changed, deleted. What consumers do is in group_turns.h.
//
// Whatever changes a group locks its row first, and is on disk when it is answered.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/consumer_group.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// GROUP_EXISTS when there is one with other settings or buckets.
absl::StatusOr<domain::Group> CreateGroup(Session& session, ChunkCatalog& chunks, const domain::NewGroup& group);
absl::StatusOr<domain::Group> GetGroup(Session& session, const std::string& name);
// By name; one more than the page has room for when there are more.
absl::StatusOr<std::vector<domain::Group>> ListGroups(Session& session, const domain::GroupList& list);
absl::StatusOr<domain::Group> UpdateGroup(Session& session, const domain::GroupUpdate& update);
absl::Status DeleteGroup(Session& session, const std::string& name);
absl::StatusOr<domain::Group> ResetGroup(Session& session, ChunkCatalog& chunks, const domain::GroupReset& reset);

}  // namespace eventstore::storage
