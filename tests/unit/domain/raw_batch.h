// Requests to append as a client would send them, valid until a test changes them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/event_validation.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {

inline RawCheck ExactCheck(std::int32_t expected) { return {RawCheck::Kind::kExact, expected, true}; }
inline RawCheck AnyCheck(bool flag = true) { return {RawCheck::Kind::kAny, 0, flag}; }
inline RawCheck ExistingCheck(bool flag = true) { return {RawCheck::Kind::kExisting, 0, flag}; }

inline RawEvent ValidEvent() {
  RawEvent event;
  event.event_type = "order.placed";
  return event;
}

// `events` events for the aggregate TestId(aggregate).
inline RawAppend ValidAppend(std::uint64_t aggregate, RawCheck check, std::size_t events = 1) {
  return {TestIdText(aggregate), "entity", check, std::vector<RawEvent>(events, ValidEvent())};
}

inline absl::StatusOr<AppendBatch> ParseSingle(RawAppend append) {
  testing::CountingIds ids;
  RawBatch batch;
  batch.appends.push_back(std::move(append));
  return ParseBatch(std::move(batch), true, ids);
}

inline absl::StatusOr<AppendBatch> ParseAll(std::vector<RawAppend> appends,
                                            std::vector<RawAggregateCheck> checks = {}) {
  testing::CountingIds ids;
  return ParseBatch({std::move(appends), std::move(checks)}, false, ids);
}

}  // namespace eventstore::domain
