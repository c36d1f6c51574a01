#include "server/storage/group_rows.h"

#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

std::vector<std::string> TextsOf(const pqxx::field& field) {
  return ParseTextArray({field.c_str(), static_cast<std::size_t>(field.size())});
}

}  // namespace

absl::Status GroupNotFound(const std::string& name) {
  domain::Error error;
  error.reason = domain::Reason::kGroupNotFound;
  error.message =
      fmt::format("there is no consumer group {}: it was never created, or it was deleted; create it", name);
  error.metadata = {{"group", name}};
  return domain::ToStatus(error);
}

std::optional<domain::Uuid> MaybeUuidOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return UuidOf(field);
}

domain::GroupSettings GroupSettingsFrom(const pqxx::row& row, int first) {
  domain::GroupSettings settings;
  int column = first;
  const auto next = [&] { return row[column++]; };
  settings.ack_timeout = std::chrono::milliseconds{next().as<int>()};
  settings.max_deliveries = next().as<int>();
  settings.retry_pause = std::chrono::milliseconds{next().as<int>()};
  settings.filter.event_types = TextsOf(next());
  settings.filter.event_type_prefixes = TextsOf(next());
  settings.filter.aggregate_types = TextsOf(next());
  settings.filter.user_ids = TextsOf(next());
  settings.filter.sources = TextsOf(next());
  for (const std::string& id : TextsOf(next())) {
    settings.filter.correlation_ids.push_back(domain::Uuid::Parse(id).value_or(domain::Uuid{}));
  }
  std::vector<std::string> keys = TextsOf(next());
  std::vector<std::string> values = TextsOf(next());
  for (std::size_t i = 0; i < keys.size() && i < values.size(); ++i) {
    settings.filter.metadata.emplace_back(std::move(keys[i]), std::move(values[i]));
  }
  return settings;
}

void AddSettings(const domain::GroupSettings& settings, pq::Args& args) {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (const auto& [key, value] : settings.filter.metadata) {
    keys.push_back(key);
    values.push_back(value);
  }
  args.emplace_back(fmt::format("{}", settings.ack_timeout.count()));
  args.emplace_back(fmt::format("{}", settings.max_deliveries));
  args.emplace_back(fmt::format("{}", settings.retry_pause.count()));
  args.emplace_back(TextArray(settings.filter.event_types));
  args.emplace_back(TextArray(settings.filter.event_type_prefixes));
  args.emplace_back(TextArray(settings.filter.aggregate_types));
  args.emplace_back(TextArray(settings.filter.user_ids));
  args.emplace_back(TextArray(settings.filter.sources));
  args.emplace_back(IdArray(settings.filter.correlation_ids));
  args.emplace_back(TextArray(keys));
  args.emplace_back(TextArray(values));
}

}  // namespace eventstore::storage
