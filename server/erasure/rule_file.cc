#include "server/erasure/rule_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "server/domain/error.h"
#include "server/toml/toml_text.h"

namespace eventstore::erasure {
namespace {

using domain::erasure::RawRule;
using domain::erasure::Rule;

absl::Status Wrong(int line, const std::string& what) {
  return domain::ErrorOf(domain::Reason::kInvalidRequest, line > 0 ? fmt::format("line {}: {}", line, what) : what);
}

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

// A text, or a list of texts that is not empty: that could mean all or nothing.
absl::StatusOr<std::vector<std::string>> TextsOf(const toml::node& node, const std::string& key) {
  if (const auto text = node.value_exact<std::string>()) return std::vector<std::string>{*text};
  const auto* array = node.as_array();
  if (array == nullptr) return Wrong(LineOf(node), key + " takes a text, or a list of texts");
  if (array->empty()) return Wrong(LineOf(node), key + " is an empty list; leave it out, or name what is meant");
  std::vector<std::string> texts;
  for (const auto& entry : *array) {
    const auto text = entry.value_exact<std::string>();
    if (!text) return Wrong(LineOf(entry), key + " takes texts only");
    texts.push_back(*text);
  }
  return texts;
}

absl::StatusOr<Rule> RuleOf(const toml::table& table) {
  RawRule raw;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    auto texts = TextsOf(node, name);
    if (!texts.ok()) return texts.status();
    if (name == "event_types") {
      raw.event_types = *std::move(texts);
    } else if (name == "aggregate_types") {
      raw.aggregate_types = *std::move(texts);
    } else if (name == "data") {
      raw.data = *std::move(texts);
    } else if (name == "metadata") {
      raw.metadata = *std::move(texts);
    } else if (name == "subject") {
      if (texts->size() != 1 || texts->front().empty()) return Wrong(LineOf(node), "subject takes one text");
      raw.subject = texts->front();
    } else {
      // What is misspelt would leave a field open.
      return Wrong(LineOf(node), fmt::format("there is no '{}'; known are event_types, aggregate_types, data, metadata "
                                             "and subject",
                                             name));
    }
  }
  auto rule = domain::erasure::ParseRule(raw);
  if (!rule.ok()) return Wrong(LineOf(table), std::string(rule.status().message()));
  return rule;
}

}  // namespace

absl::StatusOr<std::vector<Rule>> ParseRuleFile(const std::string& text) {
  if (text.size() > kMaxRuleFileBytes) {
    return Wrong(0, fmt::format("it has {} bytes, of at most {}", text.size(), kMaxRuleFileBytes));
  }
  toml::table table;
  if (const auto fault = ParseToml(text, table)) {
    return Wrong(fault->line, fmt::format("this is not TOML: {}", fault->what));
  }
  for (const auto& [key, node] : table) {
    if (key.str() != "rule") return Wrong(LineOf(node), "only [[rule]] tables are known here");
  }
  const auto* list = table["rule"].as_array();
  if (list == nullptr || list->empty()) return Wrong(0, "there is no [[rule]] in it");
  if (list->size() > domain::erasure::kMaxRules) {
    return Wrong(0, fmt::format("at most {} rules may be in it", domain::erasure::kMaxRules));
  }
  std::vector<Rule> rules;
  for (const auto& node : *list) {
    const auto* one = node.as_table();
    if (one == nullptr) return Wrong(LineOf(node), "rule has to be a table: [[rule]]");
    auto rule = RuleOf(*one);
    if (!rule.ok()) return rule.status();
    rules.push_back(*std::move(rule));
  }
  return rules;
}

absl::StatusOr<std::vector<Rule>> ReadRuleFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): at the start
  if (!file) return Wrong(0, fmt::format("erasure_rules {}: {}", path, std::strerror(errno)));
  text << file.rdbuf();
  if (file.bad()) return Wrong(0, fmt::format("erasure_rules {}: it cannot be read", path));
  auto rules = ParseRuleFile(text.str());
  if (!rules.ok()) return Wrong(0, fmt::format("erasure_rules {}: {}", path, std::string(rules.status().message())));
  return rules;
}

}  // namespace eventstore::erasure
