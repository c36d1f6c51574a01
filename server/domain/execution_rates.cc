#include "server/domain/execution_rates.h"

#include <map>

namespace eventstore::domain {
namespace {

std::int64_t* CountOf(Endings& endings, const std::string& status) {
  if (status == "completed") return &endings.completed;
  if (status == "failed") return &endings.failed;
  if (status == "timeout") return &endings.timeout;
  if (status == "abandoned") return &endings.abandoned;
  if (status == "cancelled") return &endings.cancelled;
  return nullptr;
}

}  // namespace

std::optional<double> Endings::FailureRate() const {
  const std::int64_t failures = failed + timeout + abandoned;
  if (failures + completed == 0) return std::nullopt;
  return static_cast<double>(failures) / static_cast<double>(failures + completed);
}

std::vector<Endings> EndingsOf(const std::vector<CountPoint>& points) {
  std::vector<Endings> buckets;
  for (const CountPoint& point : points) {
    Endings one;
    if (CountOf(one, point.key.status) == nullptr) continue;
    if (buckets.empty() || buckets.back().bucket != point.key.bucket) {
      one.bucket = point.key.bucket;
      buckets.push_back(one);
    }
    *CountOf(buckets.back(), point.key.status) += point.count;
  }
  return buckets;
}

Endings SumOf(const std::vector<Endings>& buckets) {
  Endings sum;
  for (const Endings& one : buckets) {
    sum.completed += one.completed;
    sum.failed += one.failed;
    sum.timeout += one.timeout;
    sum.abandoned += one.abandoned;
    sum.cancelled += one.cancelled;
  }
  return sum;
}

std::vector<ThroughputBucket> ThroughputOf(const std::vector<CountPoint>& created, const std::vector<Endings>& ended) {
  std::map<TimeMicros, ThroughputBucket> buckets;
  for (const CountPoint& point : created) buckets[point.key.bucket].created += point.count;
  for (const Endings& one : ended) buckets[one.bucket].ended += one.ended();
  std::vector<ThroughputBucket> ordered;
  for (auto& [bucket, one] : buckets) {
    one.bucket = bucket;
    ordered.push_back(one);
  }
  return ordered;
}

}  // namespace eventstore::domain
