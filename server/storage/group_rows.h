// What the statements about consumer groups share.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/consumer_group.h"
#include "server/storage/pq_compat.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// NOT_FOUND, with what to do.
absl::Status GroupNotFound(const std::string& name);

// The columns of the settings, from `first` on: in the order of kGroupSettings.
domain::GroupSettings GroupSettingsFrom(const pqxx::row& row, int first);
// The same as parameters, in the same order.
void AddSettings(const domain::GroupSettings& settings, pq::Args& args);

// "ack_timeout_ms, ...": the columns, as they are selected and inserted.
inline constexpr int kGroupSettingsColumns = 11;

std::optional<domain::Uuid> MaybeUuidOf(const pqxx::field& field);

}  // namespace eventstore::storage
