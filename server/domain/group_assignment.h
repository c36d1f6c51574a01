// Which member of a group should have which bucket. Pure: whoever asks with the same members and buckets gets the same.
#pragma once

#include <optional>
#include <vector>

#include "server/domain/uuid.h"

namespace eventstore::domain {

// By bucket; nullopt: nobody.
using BucketOwners = std::vector<std::optional<Uuid>>;

// Every bucket gets a member, each member as many as any other or one more, and as few buckets as possible move.
// `members` without repetition, in any order; a present owner who is none of them counts as nobody.
BucketOwners AssignBuckets(std::vector<Uuid> members, const BucketOwners& present);

}  // namespace eventstore::domain
