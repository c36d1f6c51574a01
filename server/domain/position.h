// The one order of all events, as a sparse 64-bit number without a sequence:
//
//   position := (xid + xid_offset) << 20 | ordinal
//
//   xid         PostgreSQL's 64-bit transaction id of the append, taken while the lane lock is held, so that within
//               a lane positions follow commits
//   xid_offset  kept in the database; raised when the cluster changed (dump and restore), since xids start anew
//   ordinal     place in the transaction, from 0
#pragma once

#include <cstdint>

#include "server/domain/event.h"

namespace eventstore::domain {

inline constexpr int kOrdinalBits = 20;
inline constexpr std::int64_t kMaxOrdinal = (std::int64_t{1} << kOrdinalBits) - 1;

constexpr Position MakePosition(std::int64_t xid, std::int64_t xid_offset, std::int64_t ordinal) {
  return ((xid + xid_offset) << kOrdinalBits) | ordinal;
}

// The first position of a transaction; everything below it belongs to smaller transactions.
constexpr Position FirstPositionOf(std::int64_t xid, std::int64_t xid_offset) {
  return MakePosition(xid, xid_offset, 0);
}

// How many transactions a restore leaves free above the last one that is stored, for those that were made after it and are
// lost: as many as 10,000 a second would have made in the age of what was restored. At least what half an hour would have
// made, since clocks differ; at most those of 80 days, of which the 43 bits have room for 128.
constexpr std::int64_t RestoreGap(std::int64_t age_seconds) {
  constexpr std::int64_t kLeast = std::int64_t{1} << 24;
  constexpr std::int64_t kMost = std::int64_t{1} << 36;
  constexpr std::int64_t kPerSecond = 10'000;
  if (age_seconds > kMost / kPerSecond) return kMost;
  const std::int64_t gap = age_seconds * kPerSecond;
  return gap > kLeast ? gap : kLeast;
}

// The smallest offset, not below `old_offset`, under which transaction `xid` comes after `last_position`.
constexpr std::int64_t RaisedOffset(std::int64_t old_offset, Position last_position, std::int64_t xid) {
  const std::int64_t needed = (last_position >> kOrdinalBits) + 1 - xid;
  return needed > old_offset ? needed : old_offset;
}

}  // namespace eventstore::domain
