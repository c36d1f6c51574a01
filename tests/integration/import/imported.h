// Events of long ago for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/domain/import.h"
#include "tests/integration/store/batches.h"

namespace eventstore::testing {

// 2020-01-01T00:00:00Z and so many seconds.
inline constexpr domain::TimeMicros kOldTime = 1'577'836'800 * domain::kMicrosPerSecond;
inline domain::TimeMicros OldTime(std::int64_t seconds) { return kOldTime + seconds * domain::kMicrosPerSecond; }

inline domain::ImportedEvent Imported(const domain::Uuid& aggregate, std::uint64_t id, domain::TimeMicros time,
                                      const std::string& user = "user-0") {
  domain::ImportedEvent imported{aggregate, "entity", time, Event(id)};
  imported.event.source = "migration";
  imported.event.user_id = user;
  return imported;
}

}  // namespace eventstore::testing
