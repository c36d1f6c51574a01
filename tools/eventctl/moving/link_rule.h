// Dual write by the rules that the history is copied by (row_mapper.h): the same row gives the same event, whichever way it
// comes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/moving/legacy_link.h"
#include "server/moving/row_rule.h"
#include "tools/eventctl/moving/mapping.h"

namespace eventstore::eventctl {

// A table's name in the metadata, where a mapping names none: "events" for public.events as well.
std::string TableName(std::string_view table);

// Which columns are what, for a table with this mapping. INVALID_ARGUMENT where dual write asks for more than a copy does:
// id, time, type and data have to be a column each.
absl::StatusOr<moving::LegacyLink> LinkOf(const Mapping& mapping);

// `clock` outlives it.
moving::MakeRowRule RowRules(const domain::Clock& clock);

}  // namespace eventstore::eventctl
