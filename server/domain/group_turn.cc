#include "server/domain/group_turn.h"

#include <algorithm>
#include <map>
#include <set>

#include "server/domain/group_assignment.h"

namespace eventstore::domain {
namespace {

// Everyone there is: whether it is leaving.
std::map<Uuid, bool> Present(const TurnInput& input, std::vector<Uuid>& gone) {
  std::map<Uuid, bool> present;
  for (const MemberRow& member : input.own) present[member.id] = member.leaving;
  const std::set<Uuid> left(input.left.begin(), input.left.end());
  for (const MemberRow& member : input.members) {
    if (present.contains(member.id)) continue;
    if (!member.alive || left.contains(member.id)) {
      gone.push_back(member.id);
    } else {
      present[member.id] = member.leaving;
    }
  }
  return present;
}

// Only what its owner says about a bucket counts.
void Place(const TurnInput& input, TurnPlan& plan) {
  plan.fenced.resize(input.buckets.size());
  for (const PlaceWrite& write : input.places) {
    if (static_cast<std::size_t>(write.bucket) >= plan.buckets.size()) continue;
    BucketRow& row = plan.buckets[static_cast<std::size_t>(write.bucket)];
    if (row.owner != write.member) continue;
    plan.fenced[static_cast<std::size_t>(write.bucket)] = true;
    row.position = std::max(row.position, write.place);
    if (write.release) row.owner.reset();
  }
}

}  // namespace

TurnPlan PlanTurn(const TurnInput& input) {
  TurnPlan plan;
  plan.buckets = input.buckets;
  Place(input, plan);
  const auto present = Present(input, plan.gone);
  std::vector<Uuid> active;
  for (const auto& [id, leaving] : present) {
    if (!leaving) active.push_back(id);
  }
  const auto is_active = [&](const std::optional<Uuid>& id) {
    const auto found = id ? present.find(*id) : present.end();
    return found != present.end() && !found->second;
  };
  BucketOwners planned;
  for (BucketRow& row : plan.buckets) {
    if (row.owner && !present.contains(*row.owner)) row.owner.reset();
    planned.push_back(is_active(row.wanted) ? row.wanted : is_active(row.owner) ? row.owner : std::nullopt);
  }
  const BucketOwners wanted = AssignBuckets(active, planned);
  for (std::size_t bucket = 0; bucket < plan.buckets.size(); ++bucket) {
    BucketRow& row = plan.buckets[bucket];
    row.wanted = wanted[bucket];
    if (!row.owner) row.owner = row.wanted;
    if (row != input.buckets[bucket]) plan.changed.push_back(static_cast<int>(bucket));
  }
  return plan;
}

}  // namespace eventstore::domain
