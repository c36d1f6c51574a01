#include "server/archive/format.h"

#include <charconv>
#include <ctime>
#include <optional>

#include "fmt/chrono.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "server/archive/sha256.h"
#include "server/domain/error.h"
#include "server/domain/uuid.h"

namespace eventstore::archive {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "eventstore-archive";
constexpr char kManifestFormat[] = "eventstore-archive-manifest";

std::time_t SecondsOf(domain::TimeMicros time) {
  return static_cast<std::time_t>(
      (time - (((time % domain::kMicrosPerSecond) + domain::kMicrosPerSecond) % domain::kMicrosPerSecond)) /
      domain::kMicrosPerSecond);
}

std::string TimeText(domain::TimeMicros time) {
  const std::time_t seconds = SecondsOf(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds),
                     time - static_cast<std::int64_t>(seconds) * domain::kMicrosPerSecond);
}

std::optional<domain::TimeMicros> TimeOf(const std::string& text) {
  std::tm tm{};
  int micros = 0;
  int end = 0;
  if (text.size() != 27 ||
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
                  &tm.tm_min, &tm.tm_sec, &micros, &end) != 7 ||
      end != 27) {
    return std::nullopt;
  }
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  const domain::TimeMicros time = static_cast<std::int64_t>(timegm(&tm)) * domain::kMicrosPerSecond + micros;
  // Only what it would be written as: no 31st of February.
  if (time < domain::kMinTime || time > domain::kMaxTime || TimeText(time) != text) return std::nullopt;
  return time;
}

// The members of an object that has just these; nothing throws.
class Members {
 public:
  explicit Members(std::string_view line) : json_(Json::parse(line, nullptr, false)) {}

  bool IsObject() const { return json_.is_object(); }
  std::string Text(const char* name) const {
    const Json* member = Find(name);
    return member != nullptr && member->is_string() ? member->get<std::string>() : std::string();
  }
  // -1: not there, or no such number.
  std::int64_t Number(const char* name) const {
    const Json* member = Find(name);
    if (member == nullptr || !member->is_number_integer()) return -1;
    if (member->is_number_unsigned() && member->get<std::uint64_t>() > INT64_MAX) return -1;
    return member->get<std::int64_t>();
  }
  std::optional<domain::TimeRange> Range() const {
    const auto from = TimeOf(Text("range_start"));
    const auto to = TimeOf(Text("range_end"));
    if (!from || !to || *from >= *to) return std::nullopt;
    return domain::TimeRange{*from, *to};
  }
  bool HasColumns() const {
    const Json* member = Find("columns");
    return member != nullptr && *member == Json(EventColumns());
  }

 private:
  const Json* Find(const char* name) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }

  const Json json_;
};

bool IsHash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::StatusOr<Footer> FooterFrom(const Members& members) {
  Footer footer{members.Number("events"), members.Number("min_position"), members.Number("max_position"),
                members.Text("sha256"), members.Text("digest")};
  if (footer.events < 0 || footer.least < 0 || footer.greatest < footer.least || !IsHash(footer.sha256) ||
      !IsHash(footer.digest)) {
    return Damaged("its footer is not one");
  }
  return footer;
}

absl::StatusOr<Header> HeaderFrom(const Members& members) {
  const auto range = members.Range();
  Header header{members.Text("store_id"), range.value_or(domain::TimeRange{})};
  // A manifest of events does not name their table.
  if (const std::string table = members.Text("table"); !table.empty()) header.table = table;
  if (!range || !domain::Uuid::Parse(header.store_id)) return Damaged("its header names no store or no time range");
  return header;
}

void AddFacts(Json& json, const Header& header, const Footer& footer) {
  json["store_id"] = header.store_id;
  if (header.table != kEventsTable) json["table"] = header.table;
  json["range_start"] = TimeText(header.range.from);
  json["range_end"] = TimeText(header.range.to);
  json["events"] = footer.events;
  json["min_position"] = footer.least;
  json["max_position"] = footer.greatest;
  json["sha256"] = footer.sha256;
  json["digest"] = footer.digest;
}

}  // namespace

const std::vector<std::string>& EventColumns() {
  static const std::vector<std::string> columns = {
      "id",       "timestamp", "aggregate_id", "aggregate_type", "event_type", "user_id",        "data",
      "metadata", "version",   "causation_id", "correlation_id", "source",     "global_position"};
  return columns;
}

absl::Status Damaged(std::string_view what) {
  return domain::ErrorOf(domain::Reason::kArchiveDamaged,
                         fmt::format("the archive is damaged: {}; take the file from a backup", what));
}

std::string HeaderLine(const Header& header) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kFormatVersion;
  json["store_id"] = header.store_id;
  json["table"] = header.table;
  json["range_start"] = TimeText(header.range.from);
  json["range_end"] = TimeText(header.range.to);
  json["columns"] = header.table == kEventsTable ? EventColumns() : header.columns;
  return json.dump();
}

std::string FooterLine(const Footer& footer) {
  Json json;
  json["footer"] = true;
  json["events"] = footer.events;
  json["min_position"] = footer.least;
  json["max_position"] = footer.greatest;
  json["sha256"] = footer.sha256;
  json["digest"] = footer.digest;
  return json.dump();
}

bool IsFooterLine(std::string_view line) { return line.substr(0, 10) == R"({"footer":)"; }

absl::StatusOr<Header> ParseHeader(std::string_view line) {
  const Members members(line);
  if (!members.IsObject() || members.Text("format") != kFormat) return Damaged("it does not begin as one");
  const std::string table = members.Text("table");
  if (members.Number("version") != kFormatVersion || table.empty() ||
      (table == kEventsTable && !members.HasColumns())) {
    return domain::ErrorOf(domain::Reason::kStoreIncompatible,
                           fmt::format("the archive has format version {} or other columns than this program knows "
                                       "(version {}); use the release that wrote it, or a newer one",
                                       members.Number("version"), kFormatVersion));
  }
  return HeaderFrom(members);
}

absl::StatusOr<Footer> ParseFooter(std::string_view line) {
  const Members members(line);
  if (!IsFooterLine(line) || !members.IsObject()) return Damaged("its last line is no footer");
  return FooterFrom(members);
}

absl::StatusOr<domain::Position> PositionOf(std::string_view line) {
  constexpr std::string_view kEvent = R"(,"global_position":)";
  constexpr std::string_view kOther = R"(,"archive_line":)";
  // Whichever comes last: values may hold anything.
  const auto as_event = line.rfind(kEvent);
  const auto as_other = line.rfind(kOther);
  const bool other = as_other != std::string_view::npos && (as_event == std::string_view::npos || as_event < as_other);
  const std::string_view name = other ? kOther : kEvent;
  const auto at = line.rfind(name);
  domain::Position position = 0;
  if (line.starts_with(other ? R"({")" : R"({"id":")") && at != std::string_view::npos) {
    const char* begin = line.data() + at + name.size();
    const char* end = line.data() + line.size();
    const auto read = std::from_chars(begin, end, position);
    if (read.ec == std::errc() && read.ptr + 1 == end && *read.ptr == '}') return position;
  }
  return Damaged("a line of it is no event");
}

std::string ManifestText(const Manifest& manifest) {
  Json json;
  json["format"] = kManifestFormat;
  json["version"] = kFormatVersion;
  json["file"] = manifest.file;
  json["bytes"] = manifest.bytes;
  json["file_sha256"] = manifest.file_sha256;
  AddFacts(json, manifest.header, manifest.footer);
  const std::string line = json.dump();
  return fmt::format("{}\n{}\n", line, Sha256::Of(line));
}

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos || text.substr(end + 1) != Sha256::Of(line) + "\n") {
    return Damaged("its manifest does not have the checksum it names");
  }
  const Members members(line);
  if (members.Text("format") != kManifestFormat) return Damaged("its manifest is not one");
  Manifest manifest{members.Text("file"), members.Number("bytes"), members.Text("file_sha256"), {}, {}};
  auto header = HeaderFrom(members);
  if (!header.ok()) return header.status();
  auto footer = FooterFrom(members);
  if (!footer.ok()) return footer.status();
  if (manifest.file.empty() || manifest.bytes < 0 || !IsHash(manifest.file_sha256)) {
    return Damaged("its manifest names no file");
  }
  manifest.header = *std::move(header);
  manifest.footer = *std::move(footer);
  return manifest;
}

std::string FileName(const domain::TimeRange& range, int number, const std::string& table) {
  std::string name = table;
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain) c = '_';
  }
  return fmt::format("{}-{:%Y%m%dT%H%M%SZ}-{:%Y%m%dT%H%M%SZ}{}.jsonl.zst", name, fmt::gmtime(SecondsOf(range.from)),
                     fmt::gmtime(SecondsOf(range.to)), number > 1 ? fmt::format("-{}", number) : "");
}

}  // namespace eventstore::archive
