#include "server/upkeep_view.h"

#include <string>

namespace eventstore {

std::optional<observability::UpkeepSnapshot> UpkeepView(const housekeeping::Status& status, std::int64_t repaired) {
  if (status.taken_at == 0) return std::nullopt;
  const housekeeping::PartitionSummary& found = status.partitions;
  observability::UpkeepSnapshot view;
  view.partitions = {.made_ahead = found.made_ahead,
                     .today_exists = found.today_exists,
                     .days_ahead = found.days_ahead,
                     .count = found.count,
                     .bytes = found.bytes,
                     .compressed = found.compressed,
                     .oldest = found.oldest.value_or(0),
                     .newest = found.newest.value_or(0),
                     .repaired = repaired};
  for (const housekeeping::TaskStatus& task : status.tasks) {
    observability::TaskSnapshot& shown = view.tasks.emplace_back();
    shown.name = task.name;
    if (task.last_status) shown.last_status = std::string(domain::NameOf(*task.last_status));
    shown.last_started = task.last_started.value_or(0);
    shown.last_finished = task.last_finished.value_or(0);
    for (const auto& [ended, runs] : task.runs) shown.runs[std::string(domain::NameOf(ended))] = runs;
    shown.overdue = task.overdue;
  }
  return view;
}

}  // namespace eventstore
