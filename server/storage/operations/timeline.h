// The events of a correlation and the operational records of the same one, as one timeline by pages.
//
// Events are in global order, in which times may step back a little between aggregates; a record stands before the first event
// that is later than it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/operations/records.h"
#include "server/storage/cursor_position.h"
#include "server/storage/event_vault.h"

namespace eventstore::storage {

using TimelineItem = std::variant<domain::RecordedEvent, domain::TriggerEvent, domain::Enforcement, domain::Execution>;

class TimelineCursor final : public Cursor {
 public:
  // `vault` opens what its events hold; null: it is as it is stored.
  TimelineCursor(const domain::CorrelationQuery& query, ChunkCatalog& chunks, EventVault* vault = nullptr);

  // The page has no events of its own: its items are taken before the next one is read.
  absl::StatusOr<Page> Next(Session& session) override;
  void Relist() override { events_.Relist(); }
  std::vector<TimelineItem> Take() { return std::move(items_); }

 private:
  // The next records up to this time, in order, at most `limit`.
  absl::StatusOr<std::vector<TimelineItem>> Records(Session& session, domain::TimeMicros to, std::size_t limit) const;

  const domain::CorrelationQuery query_;
  PositionCursor events_;
  EventVault* const vault_;
  std::deque<domain::RecordedEvent> pending_;  // read, not yet in a page
  bool all_events_ = false;
  std::optional<domain::RecordPlace> after_;  // the last record that was in a page
  std::vector<TimelineItem> items_;
};

}  // namespace eventstore::storage
