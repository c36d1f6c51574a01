#include "tools/eventctl/input/filter_flags.h"

#include <map>
#include <utility>

#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {
namespace {

constexpr char kAnyEnd = '*';

std::string CheckEventType(const std::string& text) {
  if (text.size() == 1 && text.front() == kAnyEnd) return "\"*\" is every type; leave --event-type out";
  return text.empty() ? "an event type is not empty" : "";
}

std::string CheckMember(const std::string& text) {
  const auto equals = text.find('=');
  const bool member = equals != std::string::npos && equals > 0;
  return member ? "" : "\"" + text + "\" is not KEY=VALUE";
}

std::string Joined(const std::string& what, const std::vector<std::string>& values) {
  std::string text = what + " ";
  for (const auto& value : values) text += (&value == &values.front() ? "" : ", ") + value;
  return text;
}

}  // namespace

void FilterFlags::AddTo(CLI::App& command) {
  AddList(command, "--event-type", event_types, "TYPE", "Only this type, or those that begin so: 'order.*'")
      ->check(CheckEventType);
  AddList(command, "--aggregate-type", aggregate_types, "TYPE", "Only aggregates of this type");
  AddList(command, "--user", users, "USER", "Only this user");
  AddList(command, "--correlation", correlations, "UUID", "Only this workflow")->check(UuidValidator());
  AddList(command, "--source", sources, "SOURCE", "Only this source");
  AddList(command, "--meta", metadata, "KEY=VALUE", "Only with this member in the metadata")->check(CheckMember);
}

bool FilterFlags::empty() const {
  return event_types.empty() && aggregate_types.empty() && users.empty() && correlations.empty() && sources.empty() &&
         metadata.empty();
}

v1::EventFilter FilterFlags::ToProto() const {
  v1::EventFilter filter;
  for (const auto& type : event_types) {
    if (type.back() == kAnyEnd) {
      filter.add_event_type_prefixes(type.substr(0, type.size() - 1));
    } else {
      filter.add_event_types(type);
    }
  }
  filter.mutable_aggregate_types()->Assign(aggregate_types.begin(), aggregate_types.end());
  filter.mutable_user_ids()->Assign(users.begin(), users.end());
  filter.mutable_correlation_ids()->Assign(correlations.begin(), correlations.end());
  filter.mutable_sources()->Assign(sources.begin(), sources.end());
  for (const auto& member : metadata) {
    const auto equals = member.find('=');
    (*filter.mutable_metadata())[member.substr(0, equals)] = member.substr(equals + 1);
  }
  return filter;
}

std::string FilterText(const v1::EventFilter& filter) {
  std::vector<std::string> parts;
  const auto add = [&](const std::string& what, const std::vector<std::string>& values) {
    if (!values.empty()) parts.push_back(Joined(what, values));
  };
  std::vector<std::string> types(filter.event_types().begin(), filter.event_types().end());
  for (const auto& prefix : filter.event_type_prefixes()) types.push_back(prefix + kAnyEnd);
  add("event type", types);
  add("aggregate type", {filter.aggregate_types().begin(), filter.aggregate_types().end()});
  add("user", {filter.user_ids().begin(), filter.user_ids().end()});
  add("correlation", {filter.correlation_ids().begin(), filter.correlation_ids().end()});
  add("source", {filter.sources().begin(), filter.sources().end()});
  // In one order, whatever the map's is.
  const std::map<std::string, std::string> metadata(filter.metadata().begin(), filter.metadata().end());
  std::vector<std::string> members;
  members.reserve(metadata.size());
  for (const auto& [key, value] : metadata) members.push_back(key + "=" + value);
  add("metadata", members);
  if (parts.empty()) return "all events";
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

}  // namespace eventstore::eventctl
