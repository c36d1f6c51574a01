#include "server/observability/readiness.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <ctime>

#include "fmt/format.h"

namespace eventstore::observability {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void Text(Writer& json, const std::string& text) {
  json.String(text.c_str(), static_cast<rapidjson::SizeType>(text.size()));
}

void Time(Writer& json, const char* name, domain::TimeMicros time) {
  json.Key(name);
  if (time == 0) {
    json.Null();
    return;
  }
  const auto seconds = static_cast<std::time_t>(time / domain::kMicrosPerSecond);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  Text(json, fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                         utc.tm_hour, utc.tm_min, utc.tm_sec));
}

void Partitions(Writer& json, const PartitionsSnapshot& partitions) {
  json.StartObject();
  json.Key("made_ahead");
  json.Bool(partitions.made_ahead);
  json.Key("today_exists");
  json.Bool(partitions.today_exists);
  json.Key("days_ahead");
  if (partitions.made_ahead) {
    json.Int(partitions.days_ahead);
  } else {
    json.Null();
  }
  json.Key("count");
  json.Int64(partitions.count);
  json.Key("bytes");
  json.Int64(partitions.bytes);
  json.Key("compressed");
  json.Int64(partitions.compressed);
  Time(json, "oldest", partitions.oldest);
  Time(json, "newest", partitions.newest);
  json.EndObject();
}

}  // namespace

bool IsReady(const ServingFacts& facts) {
  if (facts.draining || !facts.database_answers) return false;
  if (!facts.upkeep || !facts.upkeep->partitions) return true;
  const PartitionsSnapshot& partitions = *facts.upkeep->partitions;
  return partitions.today_exists || !partitions.made_ahead;
}

std::string ReadinessJson(const std::string& status, const ServingFacts& facts) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  json.Key("status");
  Text(json, status);
  json.Key("draining");
  json.Bool(facts.draining);
  json.Key("database");
  json.StartObject();
  json.Key("answers");
  json.Bool(facts.database_answers);
  json.EndObject();
  json.Key("partitions");
  if (facts.upkeep && facts.upkeep->partitions) {
    Partitions(json, *facts.upkeep->partitions);
  } else {
    json.Null();
  }
  json.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace eventstore::observability
