// How a row of the legacy table becomes an event. Whoever copies the history has that rule (tools/eventctl/moving), and dual
// write is handed the same one: a row is the same event, whichever way it comes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/import.h"
#include "server/moving/legacy_link.h"

namespace eventstore::moving {

struct LegacyRow {
  std::optional<std::string> id;
  std::optional<domain::TimeMicros> time;  // nothing: infinite, or NULL
  std::string json;                        // the whole row, an object of its columns
  std::int64_t batch = 0;                  // which batch of dual write it comes with
};

struct RowEvent {
  std::optional<domain::ImportedEvent> event;
  std::string reason;  // why there is none
};

using RowRule = std::function<RowEvent(const LegacyRow&)>;

// Of a link, for the rows that are read now: what lies in the future is judged by the clock.
using MakeRowRule = std::function<absl::StatusOr<RowRule>(const LegacyLink&)>;

// In the metadata of events that came by dual write, where a migration has the id of its run.
inline constexpr char kDualWriteRun[] = "dual-write";

}  // namespace eventstore::moving
