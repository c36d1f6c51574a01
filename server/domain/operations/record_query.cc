#include "server/domain/operations/record_query.h"

#include <algorithm>

#include "fmt/format.h"

namespace eventstore::domain {
namespace {

template <typename T>
bool AnyOf(const std::vector<T>& values, const T& value) {
  return values.empty() || std::ranges::find(values, value) != values.end();
}

}  // namespace

bool Matches(const ChangeFilter& filter, const RecordChange& change) {
  return AnyOf(filter.kinds, change.kind) && AnyOf(filter.refs, change.ref) && AnyOf(filter.statuses, change.status);
}

std::string TokenOf(const ChangePlace& place) { return fmt::format("{}.{}", place.position, place.time); }

std::string TokenOf(const RecordPlace& place) { return fmt::format("{}.{}", place.time, place.key); }

}  // namespace eventstore::domain
