// What a server does to the rows of a group once a second, while it holds the group's lock: its places go in, members that
// are gone go out, and buckets move. Pure; storage/group_turns.h reads the rows and writes what is decided here.
//
// A bucket moves in two steps. `wanted` names the next owner at once; the owner changes when the present one lets go, or
// is gone. Everything that a server writes about a bucket counts on its member being the owner: if it is not, the write
// is left out.
#pragma once

#include <optional>
#include <vector>

#include "server/domain/event.h"
#include "server/domain/uuid.h"

namespace eventstore::domain {

struct BucketRow {
  Position position = 0;
  std::optional<Uuid> owner;
  std::optional<Uuid> wanted;

  bool operator==(const BucketRow&) const = default;
};

struct MemberRow {
  Uuid id;
  bool leaving = false;  // gets nothing any more
  bool alive = true;     // seen within the lease
};

struct PlaceWrite {
  int bucket = 0;
  Uuid member;
  Position place = 0;
  bool release = false;  // lets go of it
};

struct TurnInput {
  std::vector<BucketRow> buckets;  // as stored, by number
  std::vector<MemberRow> members;  // as stored
  std::vector<MemberRow> own;      // of this server
  std::vector<Uuid> left;          // of this server, and not any more
  std::vector<PlaceWrite> places;
};

struct TurnPlan {
  std::vector<BucketRow> buckets;  // as they shall be
  std::vector<int> changed;        // of these
  std::vector<Uuid> gone;          // members to delete
  std::vector<bool> fenced;        // by bucket: this server's writes about it count
};

TurnPlan PlanTurn(const TurnInput& input);

}  // namespace eventstore::domain
