// Which chunks retention may take, decided without looking at a clock or a database.
//
// An event is over when it is older than its aggregate type is kept. A chunk goes as a whole, oldest first. Where types are
// kept for different times, a chunk may have to give up some of its aggregates alone. Either way what is left of an
// aggregate is its end, without a gap: as soon as a chunk has to wait, every younger one waits with it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/time.h"

namespace eventstore::domain {

struct RetentionRules {
  int days = 0;                        // 0: for ever. For types that are not named below
  std::map<std::string, int> by_type;  // days by aggregate type; 0: for ever

  bool off() const;
  // Days of one type; 0: for ever.
  int DaysOf(const std::string& type) const;
  // Nothing younger than this can be over; 0 when nothing ever is.
  int FewestDays() const;
};

// "session=30,audit=3650"; spaces are allowed around each part. INVALID_ARGUMENT names what is wrong.
absl::StatusOr<std::map<std::string, int>> ParseRetentionByType(std::string_view text);

struct ChunkFacts {
  TimeRange range;
  bool closed = false;             // nothing can be appended to it any more, and it is recorded what it holds
  TimeMicros held_until = 0;       // it was restored and is to stay until then
  std::vector<std::string> types;  // of its events; needed only where rules differ by type
};

struct RetentionStep {
  enum class Kind {
    kKeep,  // nothing of it is over
    kDrop,  // all of it is over
    kThin,  // the types named below are over
    kWait,  // it is over and has to stay for now, and so do all younger ones
  };
  Kind kind = Kind::kKeep;
  std::string reason;              // for people; empty for kDrop and kThin
  std::vector<std::string> types;  // kThin
};

// One step for each chunk; `chunks` are oldest first. An event is over when its chunk ended `days` ago, so it is kept for
// up to the length of a chunk longer, and never shorter.
std::vector<RetentionStep> PlanRetention(const std::vector<ChunkFacts>& chunks, const RetentionRules& rules,
                                         TimeMicros now);

}  // namespace eventstore::domain
