#include "tools/eventctl/output/event_text.h"

#include <utility>

#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

Column ColumnOf(EventColumn column) {
  switch (column) {
    case EventColumn::kPosition:
      return {.heading = "POSITION", .right = true};
    case EventColumn::kTime:
      return {.heading = "TIME (UTC)"};
    case EventColumn::kAggregate:
      return {.heading = "AGGREGATE"};
    case EventColumn::kAggregateType:
      return {.heading = "KIND", .max_width = 12};
    case EventColumn::kVersion:
      return {.heading = "VERSION", .right = true};
    case EventColumn::kEventType:
      return {.heading = "EVENT", .max_width = 32};
    case EventColumn::kUser:
      return {.heading = "USER", .max_width = 24};
    case EventColumn::kData:
      return {.heading = "DATA"};
  }
  return {};
}

std::string CellOf(EventColumn column, const v1::RecordedEvent& event) {
  switch (column) {
    case EventColumn::kPosition:
      return std::to_string(event.global_position());
    case EventColumn::kTime:
      return FormatTimeShort(event.timestamp());
    case EventColumn::kAggregate:
      return event.aggregate_id();
    case EventColumn::kAggregateType:
      return event.aggregate_type();
    case EventColumn::kVersion:
      return std::to_string(event.version());
    case EventColumn::kEventType:
      return event.event_type();
    case EventColumn::kUser:
      return event.user_id().empty() ? "-" : event.user_id();
    case EventColumn::kData:
      return event.data();
  }
  return "";
}

std::vector<Column> ColumnsOf(const std::vector<EventColumn>& columns) {
  std::vector<Column> result;
  result.reserve(columns.size());
  for (const auto column : columns) result.push_back(ColumnOf(column));
  return result;
}

}  // namespace

std::string EventJson(const v1::RecordedEvent& event) {
  return JsonObject()
      .Add("id", event.id())
      .Add("timestamp", FormatTime(event.timestamp()))
      .Add("aggregate_id", event.aggregate_id())
      .Add("aggregate_type", event.aggregate_type())
      .Add("version", event.version())
      .Add("event_type", event.event_type())
      .AddOrNull("user_id", event.user_id())
      .AddOrNull("causation_id", event.causation_id())
      .AddOrNull("correlation_id", event.correlation_id())
      .Add("source", event.source())
      .Add("global_position", event.global_position())
      .AddRaw("data", event.data().empty() ? "{}" : event.data())
      .AddRaw("metadata", event.metadata().empty() ? "{}" : event.metadata())
      .Text();
}

EventPrinter::EventPrinter(Context& context, std::vector<EventColumn> columns)
    : context_(context), columns_(std::move(columns)), table_(context.out, context.out_terminal, ColumnsOf(columns_)) {}

void EventPrinter::Print(const v1::RecordedEvent& event) {
  ++printed_;
  if (context_.json) {
    context_.out << EventJson(event) << '\n';
    return;
  }
  std::vector<std::string> cells;
  cells.reserve(columns_.size());
  for (const auto column : columns_) cells.push_back(CellOf(column, event));
  table_.Row(std::move(cells));
}

void EventPrinter::Flush() {
  if (context_.json) {
    context_.out.flush();
  } else {
    table_.Flush();
  }
}

}  // namespace eventstore::eventctl
