// Where the day or the chunk of a time begins.
#pragma once

#include "server/domain/time.h"

namespace eventstore::domain {

// The multiple of `step` since 1970 at or before `time`, also before 1970.
constexpr TimeMicros FloorTo(TimeMicros time, TimeMicros step) {
  const TimeMicros rest = time % step;
  return time - (rest < 0 ? rest + step : rest);
}

}  // namespace eventstore::domain
