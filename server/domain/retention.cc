#include "server/domain/retention.h"

#include <algorithm>
#include <charconv>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"

namespace eventstore::domain {
namespace {

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

absl::Status BadRule(std::string_view part, const std::string& what) {
  return InvalidField("retention_by_type",
                      fmt::format("\"{}\": {}; write it as \"session=30,audit=3650\"", part, what));
}

bool IsOver(const TimeRange& range, int days, TimeMicros now) {
  return days > 0 && range.to <= now - days * kMicrosPerDay;
}

RetentionStep StepOf(const ChunkFacts& chunk, const RetentionRules& rules, TimeMicros now) {
  using Kind = RetentionStep::Kind;
  RetentionStep step{Kind::kKeep, "nothing in it is over", {}};
  if (rules.by_type.empty() || chunk.types.empty()) {
    // Without events it goes as the most patient rule says.
    int days = rules.days;
    for (const auto& [type, of_type] : rules.by_type) days = (days == 0 || of_type == 0) ? 0 : std::max(days, of_type);
    if (IsOver(chunk.range, days, now)) step = {Kind::kDrop, "", {}};
  } else {
    std::vector<std::string> over;
    for (const std::string& type : chunk.types) {
      if (IsOver(chunk.range, rules.DaysOf(type), now)) over.push_back(type);
    }
    const bool all = over.size() == chunk.types.size();
    if (!over.empty()) step = {all ? Kind::kDrop : Kind::kThin, "", all ? std::vector<std::string>() : over};
  }
  if (step.kind == Kind::kKeep) return step;
  if (!chunk.closed) return {Kind::kWait, "it is not closed yet: a server does that within minutes", {}};
  if (chunk.held_until > now) return {Kind::kWait, "it was restored and is held", {}};
  return step;
}

}  // namespace

bool RetentionRules::off() const { return FewestDays() == 0; }

int RetentionRules::DaysOf(const std::string& type) const {
  const auto found = by_type.find(type);
  return found == by_type.end() ? days : found->second;
}

int RetentionRules::FewestDays() const {
  int fewest = days;
  for (const auto& [type, of_type] : by_type) {
    if (of_type > 0 && (fewest == 0 || of_type < fewest)) fewest = of_type;
  }
  return fewest;
}

absl::StatusOr<std::map<std::string, int>> ParseRetentionByType(std::string_view text) {
  std::map<std::string, int> rules;
  if (Trimmed(text).empty()) return rules;
  for (;;) {
    const auto comma = text.find(',');
    const std::string_view part = Trimmed(text.substr(0, comma));
    const auto equals = part.rfind('=');
    if (equals == std::string_view::npos) return BadRule(part, "no \"=\" in it");
    const std::string type(Trimmed(part.substr(0, equals)));
    const std::string_view number = Trimmed(part.substr(equals + 1));
    if (type.empty() || type.size() > kMaxAggregateTypeBytes) return BadRule(part, "that is no aggregate type");
    int days = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), days);
    if (number.empty() || read.ec != std::errc() || read.ptr != number.data() + number.size() || days < 0 ||
        days > kMaxDays) {
      return BadRule(part, fmt::format("days are a number from 0 (for ever) to {}", kMaxDays));
    }
    if (!rules.emplace(type, days).second) return BadRule(part, "the type has a rule already");
    if (comma == std::string_view::npos) return rules;
    text.remove_prefix(comma + 1);
  }
}

std::vector<RetentionStep> PlanRetention(const std::vector<ChunkFacts>& chunks, const RetentionRules& rules,
                                         TimeMicros now) {
  std::vector<RetentionStep> steps;
  bool waiting = false;
  for (const ChunkFacts& chunk : chunks) {
    RetentionStep step = StepOf(chunk, rules, now);
    if (waiting && step.kind != RetentionStep::Kind::kKeep && step.kind != RetentionStep::Kind::kWait) {
      step = {RetentionStep::Kind::kWait, "an older chunk has to go first", {}};
    }
    waiting |= step.kind == RetentionStep::Kind::kWait;
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace eventstore::domain
