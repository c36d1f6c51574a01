// One turn of a server at a group: says which consumers it has, writes what they answered, moves buckets, and learns who
// has which. One short transaction that holds the lock of the group's row, so turns of one group are one after the other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/consumer_group.h"
#include "server/domain/group_turn.h"
#include "server/domain/group_writes.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct OwnMember {
  domain::Uuid id;
  std::string name;
  bool leaving = false;
};

struct GroupTurn {
  std::string group;
  std::string instance;         // of this server
  std::int64_t generation = 0;  // that `writes` are of; of another one they are left out. 0: not known yet
  std::vector<OwnMember> own;
  std::vector<domain::Uuid> left;  // were own
  domain::GroupWrites writes;
  std::vector<int> known;                   // buckets whose failures are known
  std::vector<domain::Uuid> known_replays;  // of what is to be replayed
  std::size_t max_replays = 0;              // how many more to name
};

struct ReplayRef {
  domain::ParkedRef event;
  int failures = 0;
};

struct GroupTurnResult {
  std::int64_t generation = 0;
  domain::GroupSettings settings;
  std::vector<domain::BucketRow> buckets;
  std::vector<bool> fenced;  // by bucket: the writes about it count
  // Of the buckets that own members have and are not known.
  std::map<int, std::map<domain::Position, int>> failures;
  std::vector<ReplayRef> replays;  // of the buckets that own members have
};

// GROUP_NOT_FOUND: it was deleted. POSITION_AHEAD: the writes are about events that the store does not have any more, since an
// earlier state of it was restored; nothing was written.
absl::StatusOr<GroupTurnResult> RunGroupTurn(Session& session, const GroupTurn& turn);

}  // namespace eventstore::storage
