#include "server/domain/analytics_validation.h"

#include <charconv>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain {
namespace {

constexpr int kAggregates = 7;

std::string Hex(const std::string& text) {
  std::string hex;
  for (const char c : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const char* end = hex.data() + i + 2;
    if (std::from_chars(hex.data() + i, end, byte, 16).ptr != end) return std::nullopt;
    text += static_cast<char>(byte);
  }
  return text;
}

std::optional<CountKey> ParseToken(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  CountKey key;
  if (std::from_chars(token.data(), token.data() + first, key.bucket).ptr != token.data() + first) return std::nullopt;
  auto ref = FromHex(token.substr(first + 1, second - first - 1));
  auto status = FromHex(token.substr(second + 1));
  if (!ref || !status || key.bucket < kMinTime || key.bucket > kMaxTime) return std::nullopt;
  if (!IsValidUtf8(*ref) || !IsValidUtf8(*status)) return std::nullopt;
  key.ref = *std::move(ref);
  key.status = *std::move(status);
  return key;
}

TimeMicros Floor(TimeMicros time, TimeMicros unit) {
  const TimeMicros rest = time % unit;
  return time - (rest < 0 ? rest + unit : rest);
}

// Whole buckets.
TimeRange ParseBuckets(Violations& violations, const RawTimeRange& raw, Bucket bucket, TimeMicros now) {
  TimeRange range = ParseTimeRange(violations, raw);
  const bool days = bucket == Bucket::kDay;
  const TimeMicros unit = days ? kMicrosPerDay : kMicrosPerHour;
  if (!raw.to) range.to = raw.from ? std::max(now, range.from + 1) : now;
  range.to = Floor(range.to + unit - 1, unit);
  if (!raw.from) range.from = range.to - (days ? 30 : 1) * kMicrosPerDay;
  range.from = Floor(range.from, unit);
  const int most = days ? kMaxDailyDays : kMaxHourlyDays;
  if (violations.empty() && range.to - range.from > most * kMicrosPerDay) {
    const auto size = static_cast<std::size_t>((range.to - range.from) / kMicrosPerDay);
    violations.AddLimit("from_time", "max_days", size, static_cast<std::size_t>(most));
  }
  return range;
}

void CheckKeys(Violations& violations, const std::string& field, const std::vector<std::string>& keys) {
  if (keys.size() > kMaxFilterValues) violations.AddLimit(field, "max_filter_values", keys.size(), kMaxFilterValues);
  for (std::size_t i = 0; i < keys.size() && i < kMaxFilterValues; ++i) {
    CheckText(violations, fmt::format("{}[{}]", field, i), "max_key_bytes", keys[i], 0, kMaxAnalyticsKeyBytes);
  }
}

int PageSize(Violations& violations, const std::string& field, std::int32_t size, int standard, int most) {
  if (size < 0) violations.Add(field, fmt::format("is {}; it is 1 to {}, or 0 for {}", size, most, standard));
  if (size > most)
    violations.AddLimit(field, "max_" + field, static_cast<std::size_t>(size), static_cast<std::size_t>(most));
  return size == 0 ? standard : size;
}

Aggregate ParseAggregate(Violations& violations, int number) {
  if (number >= 1 && number <= kAggregates) return static_cast<Aggregate>(number - 1);
  violations.Add("aggregate", number == 0 ? "is required" : fmt::format("{} is none that this server knows", number));
  return Aggregate::kExecutionStatus;
}

Bucket ParseBucket(Violations& violations, int number) {
  if (number < 0 || number > 2) violations.Add("bucket", fmt::format("{} is none that this server knows", number));
  return number == 2 ? Bucket::kDay : Bucket::kHour;
}

// What all of them have.
HourlyQuery ParseCommon(Violations& violations, RawHourlyQuery raw, TimeMicros now) {
  HourlyQuery query;
  query.bucket = ParseBucket(violations, raw.bucket);
  query.range = ParseBuckets(violations, raw.range, query.bucket, now);
  CheckKeys(violations, raw.refs_field, raw.refs);
  CheckKeys(violations, "statuses", raw.statuses);
  query.refs = std::move(raw.refs);
  query.statuses = std::move(raw.statuses);
  query.sum_refs = raw.sum_refs;
  query.sum_statuses = raw.sum_statuses;
  query.include_recent = raw.include_recent;
  return query;
}

absl::StatusOr<HourlyQuery> Unless(const Violations& violations, HourlyQuery query) {
  if (absl::Status status = violations.ToStatus(); !status.ok()) return status;
  return query;
}

}  // namespace

std::string CountToken(const CountKey& key) {
  return fmt::format("{}.{}.{}", key.bucket, Hex(key.ref), Hex(key.status));
}

absl::StatusOr<HourlyQuery> ParseHourlyQuery(RawHourlyQuery raw, TimeMicros now) {
  Violations violations;
  const Aggregate aggregate = ParseAggregate(violations, raw.aggregate);
  const int limit = PageSize(violations, "page_size", raw.page_size, kDefaultCounts, kMaxCounts);
  std::optional<CountKey> after;
  if (!raw.page_token.empty()) {
    after = ParseToken(raw.page_token);
    if (!after) violations.Add("page_token", "is not the next_page_token of an answer");
  }
  HourlyQuery query = ParseCommon(violations, std::move(raw), now);
  query.aggregate = aggregate;
  query.limit = limit;
  query.after = std::move(after);
  return Unless(violations, std::move(query));
}

absl::StatusOr<HourlyQuery> ParseTopQuery(RawHourlyQuery raw, TimeMicros now) {
  Violations violations;
  const Aggregate aggregate = ParseAggregate(violations, raw.aggregate);
  const int limit = PageSize(violations, "limit", raw.page_size, kDefaultTopRefs, kMaxTopRefs);
  raw.sum_statuses = true;
  HourlyQuery query = ParseCommon(violations, std::move(raw), now);
  query.aggregate = aggregate;
  query.limit = limit;
  query.bucket = Bucket::kWhole;
  return Unless(violations, std::move(query));
}

absl::StatusOr<HourlyQuery> ParseExecutionsQuery(RawHourlyQuery raw, TimeMicros now) {
  Violations violations;
  raw.sum_refs = true;
  raw.refs_field = "action_refs";
  HourlyQuery query = ParseCommon(violations, std::move(raw), now);
  query.aggregate = Aggregate::kExecutionStatus;
  query.statuses = {"completed", "failed", "timeout", "abandoned", "cancelled"};
  // As many as the longest range has.
  query.limit = 5 * kMaxHourlyDays * 24;
  return Unless(violations, std::move(query));
}

}  // namespace eventstore::domain
