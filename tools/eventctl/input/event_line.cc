#include "tools/eventctl/input/event_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <utility>

#include "tools/eventctl/input/raw_json.h"
#include "tools/eventctl/input/validators.h"

namespace eventstore::eventctl {
namespace {

using Text = absl::StatusOr<std::string>;

absl::Status Refuse(const std::string& what) { return absl::InvalidArgumentError(what); }

// The first of these members that is there; empty when none is.
Text StringOf(const RawObject& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!object.Find(name)) continue;
    if (auto text = object.FindString(name)) return *std::move(text);
    return Refuse(fmt::format("has a {} that is not a string", name));
  }
  return std::string();
}

// A UUID in lower case, or empty.
Text UuidOf(const RawObject& object, const char* name) {
  Text text = StringOf(object, {name});
  if (!text.ok() || text->empty()) return text;
  if (!IsUuid(*text)) return Refuse(fmt::format("has the {} \"{}\", which is not a UUID", name, *text));
  std::ranges::transform(*text, text->begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Text ObjectOf(const RawObject& object, const char* name) {
  const auto raw = object.Find(name);
  if (!raw) return std::string("{}");
  if (raw->front() != '{') return Refuse(fmt::format("has {} that is not an object", name));
  return std::string(*raw);
}

// Sets a field from a result, or returns its error.
template <typename Setter>
absl::Status Take(Text text, Setter set) {
  if (!text.ok()) return text.status();
  set(*std::move(text));
  return absl::OkStatus();
}

absl::Status FillEvent(const RawObject& line, const LineDefaults& defaults, v1::NewEvent& event) {
  absl::Status status;
  status.Update(Take(UuidOf(line, "id"), [&](auto text) { event.set_id(std::move(text)); }));
  status.Update(
      Take(StringOf(line, {"event_type", "type"}), [&](auto text) { event.set_event_type(std::move(text)); }));
  status.Update(Take(StringOf(line, {"user_id"}), [&](auto text) { event.set_user_id(std::move(text)); }));
  status.Update(Take(UuidOf(line, "correlation_id"), [&](auto text) { event.set_correlation_id(std::move(text)); }));
  status.Update(Take(UuidOf(line, "causation_id"), [&](auto text) { event.set_causation_id(std::move(text)); }));
  status.Update(Take(StringOf(line, {"source"}), [&](auto text) { event.set_source(std::move(text)); }));
  status.Update(Take(ObjectOf(line, "data"), [&](auto text) { event.set_data(std::move(text)); }));
  status.Update(Take(ObjectOf(line, "metadata"), [&](auto text) { event.set_metadata(std::move(text)); }));
  if (!status.ok()) return status;
  if (event.event_type().empty()) return Refuse("has no event_type (or type)");
  if (event.source().empty()) event.set_source(defaults.source);

  const Text occurred = StringOf(line, {"timestamp"});
  if (!occurred.ok()) return occurred.status();
  // What was loaded before and printed again keeps its first occurred_at.
  const auto metadata = RawObject::Parse(event.metadata());
  if (!occurred->empty() && metadata && !metadata->Find("occurred_at")) {
    event.set_metadata(WithMember(event.metadata(), "occurred_at", *occurred));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EventLine> ParseEventLine(std::string_view line, const LineDefaults& defaults) {
  const auto object = RawObject::Parse(line);
  if (!object) return Refuse("is not a JSON object");
  EventLine result;
  if (absl::Status status = FillEvent(*object, defaults, result.event); !status.ok()) return status;
  if (!defaults.needs_aggregate) return result;

  Text aggregate_id = UuidOf(*object, "aggregate_id");
  if (aggregate_id.ok() && aggregate_id->empty()) {
    if (const auto data = RawObject::Parse(result.event.data())) aggregate_id = UuidOf(*data, "entityId");
  }
  if (!aggregate_id.ok()) return aggregate_id.status();
  if (aggregate_id->empty()) return Refuse("has no aggregate_id, and its data has no entityId");
  result.aggregate_id = *std::move(aggregate_id);

  Text type = StringOf(*object, {"aggregate_type"});
  if (!type.ok()) return type.status();
  result.aggregate_type = type->empty() ? defaults.aggregate_type : *std::move(type);
  return result;
}

}  // namespace eventstore::eventctl
