// From what a client sent to append, as plain values, to domain types: every rule of the proto comments and limits.h
// that needs no database. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/append.h"
#include "server/domain/clock.h"
#include "server/domain/request_limits.h"

namespace eventstore::domain {

struct RawEvent {
  std::string id;
  std::string event_type;
  std::string user_id;
  std::string data;
  std::string metadata;
  std::string causation_id;
  std::string correlation_id;
  std::string source;
};

struct RawCheck {
  enum class Kind { kMissing, kExact, kAny, kExisting };
  Kind kind = Kind::kMissing;
  std::int32_t expected = 0;  // kExact only
  bool flag = true;           // kAny, kExisting: the bool that was sent; false is a violation
};

struct RawAppend {
  std::string aggregate_id;
  std::string aggregate_type;
  RawCheck check;
  std::vector<RawEvent> events;
};

struct RawAggregateCheck {
  std::string aggregate_id;
  RawCheck check;
};

struct RawBatch {
  std::vector<RawAppend> appends;
  std::vector<RawAggregateCheck> checks;
};

// `single`: the request is an Append, one append without checks, so that paths are "events[0].data"; otherwise
// "appends[2].events[0].data". Texts are moved, never copied. Empty data and metadata become "{}", an empty source
// "api", an empty event id a new one from `ids`.
// Errors: INVALID_REQUEST, LIMIT_EXCEEDED; VERSION_EXHAUSTED when the versions asked for would pass 2147483647.
absl::StatusOr<AppendBatch> ParseBatch(RawBatch raw, bool single, IdMaker& ids, const RequestLimits& limits = {});

}  // namespace eventstore::domain
