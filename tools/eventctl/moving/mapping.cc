#include "tools/eventctl/moving/mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "server/toml/toml_text.h"

namespace eventstore::eventctl {
namespace {

absl::Status Bad(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("mapping {}: {}", path, what));
}

// A text, or a list of texts.
absl::Status ReadRefs(const toml::node& node, const std::string& what, FieldRefs& refs) {
  refs.clear();
  if (const auto text = node.value<std::string>()) {
    refs.push_back(FieldRef::Parse(*text));
  } else if (const toml::array* list = node.as_array()) {
    for (const toml::node& item : *list) {
      const auto one = item.value<std::string>();
      if (!one) return absl::InvalidArgumentError(what + " holds something that is no text");
      refs.push_back(FieldRef::Parse(*one));
    }
  } else {
    return absl::InvalidArgumentError(what + R"( is neither a text nor a list of texts, such as ["data.entityId"])");
  }
  if (std::ranges::any_of(refs, [](const FieldRef& ref) { return ref.column.empty(); })) {
    return absl::InvalidArgumentError(what + " names no column");
  }
  return absl::OkStatus();
}

absl::Status ReadFields(const toml::table& fields, Mapping& mapping) {
  const std::map<std::string_view, FieldRefs*> known{
      {"id", &mapping.id},
      {"timestamp", &mapping.timestamp},
      {"event_type", &mapping.event_type},
      {"user_id", &mapping.user_id},
      {"aggregate_id", &mapping.aggregate_id},
      {"aggregate_type", &mapping.aggregate_type},
      {"data", &mapping.data},
      {"metadata", &mapping.metadata},
      {"correlation_id", &mapping.correlation_id},
      {"causation_id", &mapping.causation_id},
      {"source", &mapping.source},
  };
  for (auto&& [key, node] : fields) {
    const std::string name(key.str());
    const auto field = known.find(name);
    if (field == known.end()) return absl::InvalidArgumentError("fields." + name + " is no field of an event");
    if (absl::Status read = ReadRefs(node, "fields." + name, *field->second); !read.ok()) return read;
    for (const FieldRef& ref : *field->second) mapping.required.push_back(ref.column);
  }
  return absl::OkStatus();
}

absl::Status ReadAggregateTypes(const toml::table& types, Mapping& mapping) {
  for (auto&& [key, node] : types) {
    const std::string name(key.str());
    const toml::table* prefixes = node.as_table();
    if (name == "default" && node.is_string()) {
      mapping.default_aggregate_type = node.value_or(std::string());
    } else if (name == "by_prefix" && prefixes != nullptr) {
      for (auto&& [prefix, type] : *prefixes) {
        const auto text = type.value<std::string>();
        if (!text) return absl::InvalidArgumentError("aggregate_types.by_prefix holds something that is no text");
        mapping.aggregate_type_by_prefix.emplace_back(std::string(prefix.str()), *text);
      }
    } else {
      return absl::InvalidArgumentError("aggregate_types." + name + R"( is neither "default" nor a table "by_prefix")");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadUnit(const std::string& unit, Mapping& mapping) {
  const std::map<std::string_view, double> known{{"seconds", 1e6}, {"milliseconds", 1e3}, {"microseconds", 1}};
  const auto found = known.find(unit);
  if (found == known.end()) {
    return absl::InvalidArgumentError("timestamp_unit is not one of seconds, milliseconds, microseconds");
  }
  mapping.timestamp_unit = found->second;
  return absl::OkStatus();
}

absl::Status ReadTable(const toml::table& table, Mapping& mapping) {
  for (auto&& [key, node] : table) {
    const std::string name(key.str());
    absl::Status read = absl::OkStatus();
    if (name == "table" && node.is_string()) {
      mapping.table = node.value_or(std::string());
    } else if (name == "timestamp_unit" && node.is_string()) {
      read = ReadUnit(node.value_or(std::string()), mapping);
    } else if (name == "fields" && node.is_table()) {
      read = ReadFields(*node.as_table(), mapping);
    } else if (name == "aggregate_types" && node.is_table()) {
      read = ReadAggregateTypes(*node.as_table(), mapping);
    } else {
      read = absl::InvalidArgumentError(name + " is not known here, or is of another kind");
    }
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

}  // namespace

FieldRef FieldRef::Parse(std::string_view text) {
  FieldRef ref;
  const std::size_t dot = text.find('.');
  ref.column = std::string(text.substr(0, dot));
  for (std::size_t at = dot; at != std::string_view::npos;) {
    const std::size_t end = text.find('.', at + 1);
    ref.path.emplace_back(text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1));
    at = end;
  }
  return ref;
}

absl::StatusOr<Mapping> ParseMapping(const std::string& text, const std::string& name) {
  Mapping mapping;
  toml::table table;
  if (const auto fault = ParseToml(text, table)) return Bad(name, fmt::format("line {}: {}", fault->line, fault->what));
  if (absl::Status read = ReadTable(table, mapping); !read.ok()) return Bad(name, std::string(read.message()));
  return mapping;
}

absl::StatusOr<Mapping> LoadMapping(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Bad(path, "cannot be read");
  std::stringstream content;
  content << file.rdbuf();
  return ParseMapping(content.str(), path);
}

}  // namespace eventstore::eventctl
