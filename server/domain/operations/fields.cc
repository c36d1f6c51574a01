#include "server/domain/operations/fields.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "fmt/format.h"
#include "server/domain/json_object.h"
#include "server/domain/limits.h"

namespace eventstore::domain {
namespace {

// "A.B": two texts; B is empty where there is no dot.
struct Halves {
  std::string first;
  std::string second;
};

Halves Split(const std::string& token) {
  const auto dot = token.find('.');
  return {token.substr(0, dot), dot == std::string::npos ? "" : token.substr(dot + 1)};
}

// Whether it is a whole number between the two.
bool ReadNumber(const std::string& text, std::int64_t min, std::int64_t max, std::int64_t& number) {
  const char* const end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, number);
  return problem == std::errc{} && stopped == end && number >= min && number <= max;
}

constexpr char kBadToken[] = "is not one that this call has given";

}  // namespace

Uuid Fields::Id(const std::string& field, const std::string& text) {
  const auto id = Uuid::Parse(text);
  if (!id) AddBadUuid(violations_, field, text);
  return id.value_or(Uuid{});
}

std::optional<Uuid> Fields::OptionalId(const std::string& field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  return Id(field, text);
}

NewId Fields::IdToMake(const std::string& field, const std::string& text, IdMaker& ids) {
  if (text.empty()) return {ids.Make(), false};
  return {Id(field, text), true};
}

std::string Fields::Text(const std::string& field, const std::string& text, std::size_t min, std::size_t max) {
  CheckText(violations_, field, fmt::format("max_{}_bytes", field), text, min, max);
  return text;
}

std::optional<std::string> Fields::OptionalRef(const std::string& field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  return Ref(field, text);
}

std::string Fields::Object(const std::string& field, const std::string& text) {
  return OptionalObject(field, text).value_or("{}");
}

std::optional<std::string> Fields::OptionalObject(const std::string& field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::string limit = fmt::format("max_{}_bytes", field);
  if (text.size() > kMaxDataBytes) {
    violations_.AddLimit(field, limit, text.size(), kMaxDataBytes);
    return std::nullopt;
  }
  const auto facts = InspectJsonObject(text);
  if (!facts.ok()) {
    violations_.Add(field, std::string(facts.status().message()));
  } else if (facts->normal_bytes > kMaxDataBytes) {
    violations_.AddLimit(field, limit, facts->normal_bytes, kMaxDataBytes);
  }
  return text;
}

int Fields::Known(const std::string& field, int number, int count) {
  if (number >= 0 && number <= count) return std::max(number - 1, 0);
  violations_.Add(field, fmt::format("is {}; known values are 1 to {}", number, count));
  return 0;
}

std::optional<TimeMicros> Fields::Time(const std::string& field, const std::optional<RawTime>& raw) {
  return ParseTime(violations_, field, raw);
}

TimeRange Fields::Range(const RawTimeRange& raw) { return ParseTimeRange(violations_, raw); }

int Fields::PageSize(int size) {
  if (size < 0 || size > kMaxListed) {
    violations_.Add("page_size", fmt::format("is {}; send 1 to {}, or 0 for {}", size, kMaxListed, kDefaultListed));
  }
  return size == 0 ? kDefaultListed : size;
}

int Fields::Heartbeat(int seconds) {
  if (seconds < 0 || seconds > kMaxHeartbeatSeconds) {
    violations_.Add("heartbeat_seconds", fmt::format("is {}; send 1 to {}, or 0 for {}", seconds, kMaxHeartbeatSeconds,
                                                     kDefaultHeartbeatSeconds));
  }
  return seconds == 0 ? kDefaultHeartbeatSeconds : seconds;
}

std::optional<RecordPlace> Fields::PageToken(const std::string& token) {
  if (token.empty()) return std::nullopt;
  auto [time, key] = Split(token);
  RecordPlace place;
  std::int64_t position = 0;
  if (!ReadNumber(time, kMinTime, kMaxTime, place.time) ||
      (!Uuid::Parse(key) && !ReadNumber(key, 0, INT64_MAX, position))) {
    violations_.Add("page_token", kBadToken);
    return std::nullopt;
  }
  place.key = std::move(key);
  return place;
}

std::optional<ChangePlace> Fields::ResumeToken(const std::string& token) {
  if (token.empty()) return std::nullopt;
  const auto [position, time] = Split(token);
  ChangePlace place;
  if (!ReadNumber(position, 0, INT64_MAX, place.position) || !ReadNumber(time, kMinTime, kMaxTime, place.time)) {
    violations_.Add("resume_token", kBadToken);
    return std::nullopt;
  }
  return place;
}

std::vector<std::string> Fields::Refs(const std::string& field, const std::vector<std::string>& texts) {
  if (texts.size() > kMaxFilterValues) {
    violations_.AddLimit(field, "max_filter_values", texts.size(), kMaxFilterValues);
    return {};
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CheckText(violations_, fmt::format("{}[{}]", field, i), "max_ref_bytes", texts[i], 1, kMaxRefBytes);
  }
  return texts;
}

std::vector<RecordKind> Fields::Kinds(const std::string& field, const std::vector<int>& numbers) {
  std::vector<RecordKind> kinds;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == 0) violations_.Add(fmt::format("{}[{}]", field, i), "is unspecified: name a kind");
    kinds.push_back(static_cast<RecordKind>(Known(fmt::format("{}[{}]", field, i), numbers[i], 4)));
  }
  return kinds;
}

}  // namespace eventstore::domain
