// Times as text: ISO 8601 in UTC with microseconds, "2019-05-04T10:11:12.123456Z".
#pragma once

#include <string>

#include "server/domain/time.h"

namespace eventstore::domain {

// `time` within kMinTime and kMaxTime.
std::string IsoTime(TimeMicros time);

}  // namespace eventstore::domain
