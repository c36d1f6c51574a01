// The row of legacy_link: the table that this store replaces, while both are written. And the triggers that go with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/cutover.h"
#include "server/moving/all_lanes.h"
#include "server/storage/session.h"

namespace eventstore::moving {

enum class LegacyDirection { kLegacyToStore, kStoreToLegacy, kBoth };

// "legacy-to-store" and so on, as people say it; with underscores in the database.
std::string DirectionName(LegacyDirection direction);
std::optional<LegacyDirection> DirectionOf(const std::string& name);

struct LegacyLink {
  std::string schema = "public";
  std::string table = "events";           // its name now
  std::string original_table = "events";  // before the cut-over
  std::string id_column = "id";
  std::string time_column = "timestamp";
  std::string type_column = "type";
  std::string data_column = "data";
  // "" where it has no such column.
  std::string user_column = "user_id";
  std::string correlation_column;
  std::string causation_column;
  std::string aggregate_column;  // the aggregate's id, outside of the data
  // Where the aggregate's id is put into the data of what the store mirrors; empty: nowhere.
  std::vector<std::string> aggregate_path = {"entityId"};
  // How a row becomes an event, for whoever makes events of rows (row_rule.h): the text of a mapping file, "" for the
  // common layout; the table's name in the metadata; one aggregate type for all, "" as the mapping says.
  std::string mapping;
  std::string mapped_table = "events";
  std::string aggregate_type;
  // Of InstallLink() alone: columns that are left out when the table has none of that name.
  std::vector<std::string> may_be_missing;
  LegacyDirection direction = LegacyDirection::kLegacyToStore;
  bool strict = false;
  // Nothing: every type.
  std::optional<std::vector<std::string>> enabled_event_types;
  std::vector<std::string> disabled_event_types;
  bool old_writers_forwarded = true;
  domain::MoveStage stage = domain::MoveStage::kLinked;
  std::string installed_at;  // ISO 8601, UTC

  // "public.events", quoted as SQL.
  std::string QualifiedTable() const;
};

// Nothing when no table is linked.
absl::StatusOr<std::optional<LegacyLink>> ReadLink(storage::Session& session);
// The same; MOVE_REFUSED when there is none, saying what to do.
absl::StatusOr<LegacyLink> RequireLink(storage::Session& session);

// Links the table and makes its triggers, in one transaction. INVALID_REQUEST: there is no such table or column here, the
// ids are no uuids, a column that is not mapped must not be NULL; or one is linked already.
absl::Status InstallLink(storage::Session& session, const LegacyLink& link, const std::string& who,
                         const LockPatience& patience);

// Takes the triggers away and forgets the link, with everything that waits. Refused while the view has the table's name.
absl::Status RemoveLink(storage::Session& session, const std::string& who, const LockPatience& patience);

// Switches dual write of a type on or off. What waits of it comes over when it is on again.
absl::Status SetEventType(storage::Session& session, const std::string& type, bool enabled, const std::string& who);

}  // namespace eventstore::moving
