// Which column or JSON member of a legacy table is which field of an event. Without a file, that of the common layout:
// id uuid, timestamp timestamptz, type text, data jsonb, user_id text, with the entity's id inside `data`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::eventctl {

// "data.entityId": the column, then the way through its JSON objects. Of a JSON line the column is a member as well.
struct FieldRef {
  std::string column;
  std::vector<std::string> path;

  static FieldRef Parse(std::string_view text);
  bool operator==(const FieldRef&) const = default;
};

// In the order in which they are tried; the first that is there, and not null, counts.
using FieldRefs = std::vector<FieldRef>;

struct Mapping {
  std::string table;  // the name in the events' metadata; "": that of the source
  FieldRefs id{{"id", {}}};
  FieldRefs timestamp{{"timestamp", {}}};
  FieldRefs event_type{{"type", {}}};
  FieldRefs user_id{{"user_id", {}}};
  FieldRefs aggregate_id{{"data", {"entityId"}}, {"data", {"entity_id"}}, {"data", {"aggregateId"}}};
  FieldRefs aggregate_type;
  FieldRefs data{{"data", {}}};
  FieldRefs metadata;
  FieldRefs correlation_id{{"correlation_id", {}}};
  FieldRefs causation_id{{"causation_id", {}}};
  FieldRefs source;
  // Of a numeric timestamp, in microseconds.
  double timestamp_unit = 1'000'000;
  // By the beginning of the event type; the longest that fits. Else `default_aggregate_type`.
  std::vector<std::pair<std::string, std::string>> aggregate_type_by_prefix;
  std::string default_aggregate_type = "entity";
  // Columns that a mapping file names: a source without them is refused. The default's may be missing.
  std::vector<std::string> required;
};

// InvalidArgument names the file, the line or key, and what is wrong. `name`: of the file that holds `text`.
absl::StatusOr<Mapping> ParseMapping(const std::string& text, const std::string& name);
absl::StatusOr<Mapping> LoadMapping(const std::string& path);

}  // namespace eventstore::eventctl
