#include "server/domain/group_assignment.h"

#include <algorithm>
#include <map>

namespace eventstore::domain {

BucketOwners AssignBuckets(std::vector<Uuid> members, const BucketOwners& present) {
  BucketOwners wanted(present.size());
  if (members.empty()) return wanted;
  std::map<Uuid, std::size_t> has;
  for (const Uuid& member : members) has[member] = 0;
  for (const auto& owner : present) {
    if (owner && has.contains(*owner)) ++has[*owner];
  }
  // Where the buckets do not divide evenly, those who have most keep one more.
  std::ranges::sort(members, [&](const Uuid& a, const Uuid& b) { return has[a] != has[b] ? has[a] > has[b] : a < b; });
  std::map<Uuid, std::size_t> room;
  const std::size_t base = present.size() / members.size();
  const std::size_t extra = present.size() % members.size();
  for (std::size_t i = 0; i < members.size(); ++i) room[members[i]] = base + (i < extra ? 1 : 0);
  for (std::size_t bucket = 0; bucket < present.size(); ++bucket) {
    const auto& owner = present[bucket];
    if (!owner || !has.contains(*owner) || room[*owner] == 0) continue;
    wanted[bucket] = owner;
    --room[*owner];
  }
  auto next = room.begin();
  for (auto& owner : wanted) {
    if (owner) continue;
    while (next->second == 0) ++next;
    owner = next->first;
    --next->second;
  }
  return wanted;
}

}  // namespace eventstore::domain
