// Keeps events_hourly: events per hour and type. What has come since the last run is known by positions, of which none is
// ever skipped; the hours that it falls into are counted anew from what is stored. So late events are counted, to repeat a
// run changes nothing, and hours whose chunk was dropped stay as they were.
//
// Then the hourly aggregates of operational records (refresh_records.h).
//
// With from_days every hour since then is counted anew, whatever its positions: for a store that was changed by hand.
#pragma once

#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

class RefreshAggregates final : public Task {
 public:
  std::string_view name() const override { return "refresh-aggregates"; }
  std::string_view description() const override {
    return "counts events and operational records by the hour, for the hours that have changed";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;
};

}  // namespace eventstore::housekeeping
