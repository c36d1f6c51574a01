#include "client/src/read_call.h"

namespace eventstore::client::internal {
namespace {

// Counts the page against the limit, if there is one; true when the limit is reached.
template <typename Request>
bool LimitReached(Request& request, const Page& page) {
  if (request.max_events() == 0) return false;
  const std::int32_t left = request.max_events() - page.events.size();
  // 0 would mean "no limit".
  if (left <= 0) return true;
  request.set_max_events(left);
  return false;
}

}  // namespace

Resume Advance(v1::GetAggregateStreamRequest& request, const Page& page) {
  // The read ends at the version it began with, also when it is opened again later.
  if (request.to_version() == 0 && page.current_version > 0) request.set_to_version(page.current_version);
  if (page.events.empty()) return Resume::kReopen;
  if (LimitReached(request, page)) return Resume::kComplete;
  const std::int32_t last = page.events.rbegin()->version();
  if (request.direction() == v1::DIRECTION_BACKWARD) {
    // Version 1 is the oldest, and to_version 0 would mean "the current one".
    if (last <= 1 || last <= request.from_version()) return Resume::kComplete;
    request.set_to_version(last - 1);
    return Resume::kReopen;
  }
  if (request.to_version() > 0 && last >= request.to_version()) return Resume::kComplete;
  request.set_from_version(last + 1);
  return Resume::kReopen;
}

Resume Advance(v1::ReadAllRequest& request, const Page& page) {
  if (page.events.empty()) return Resume::kReopen;
  if (LimitReached(request, page)) return Resume::kComplete;
  request.set_from_position(page.events.rbegin()->global_position());
  return Resume::kReopen;
}

// Events of the same microsecond may be in any order, so the last one's time is no place to go on from.
Resume Advance(v1::GetUserStreamRequest& /*request*/, const Page& page) {
  return page.events.empty() ? Resume::kReopen : Resume::kImpossible;
}

// The request has a range of times only, and events of one time may be on both sides of a page's end.
Resume Advance(v1::GetCorrelatedEventsRequest& /*request*/, const Page& page) {
  return page.events.empty() ? Resume::kReopen : Resume::kImpossible;
}

}  // namespace eventstore::client::internal
