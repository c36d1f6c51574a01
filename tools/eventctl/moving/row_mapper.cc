#include "tools/eventctl/moving/row_mapper.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "server/domain/error.h"
#include "server/domain/event_validation.h"
#include "server/domain/system_clock.h"
#include "tools/eventctl/input/raw_json.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

using domain::Uuid;

// Drawn once; a change would give every row another id.
constexpr char kNameSpace[] = "8d5f0a52-6c1e-4b53-9d0b-5a6f3c1d7e21";

std::optional<std::string> FindPath(std::string_view json, std::span<const std::string> path) {
  const auto object = RawObject::Parse(json);
  if (!object) return std::nullopt;
  if (path.size() == 1) {
    if (auto text = object->FindString(path[0])) return text;
    const auto raw = object->Find(path[0]);
    return raw ? std::optional(std::string(*raw)) : std::nullopt;
  }
  const auto inner = object->Find(path[0]);
  return inner ? FindPath(*inner, path.subspan(1)) : std::nullopt;
}

MappedRow Refused(std::string field, std::string reason) {
  MappedRow row;
  row.field = std::move(field);
  row.reason = std::move(reason);
  return row;
}

// "events[0].data: is not JSON" without the way there, which is not of the row.
MappedRow Refused(const absl::Status& status) {
  const domain::Error error = domain::FromStatus(status);
  if (error.violations.empty()) return Refused("row", error.message);
  const domain::FieldViolation& first = error.violations.front();
  const std::size_t dot = first.field.rfind('.');
  return Refused(dot == std::string::npos ? first.field : first.field.substr(dot + 1), first.description);
}

class NoIds : public domain::IdMaker {
 public:
  Uuid Make() override { return {}; }
};

}  // namespace

std::optional<std::string> FindField(const SourceColumns& columns, const SourceRow& row, const FieldRef& ref) {
  if (columns.lines) {
    std::vector<std::string> path{ref.column};
    path.insert(path.end(), ref.path.begin(), ref.path.end());
    return row.values[0] ? FindPath(*row.values[0], path) : std::nullopt;
  }
  const auto column = std::ranges::find(columns.names, ref.column);
  if (column == columns.names.end()) return std::nullopt;
  const auto& value = row.values[static_cast<std::size_t>(column - columns.names.begin())];
  if (!value || ref.path.empty()) return value;
  return FindPath(*value, ref.path);
}

Uuid NameUuid(std::string_view kind, std::string_view table, std::string_view name) {
  const Uuid space = *Uuid::Parse(kNameSpace);
  std::string text(space.bytes.begin(), space.bytes.end());
  text.append(kind).append("\n").append(table).append("\n").append(name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha1(), nullptr);
  Uuid id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x50);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

RowMapper::RowMapper(Mapping mapping, SourceColumns columns, std::string aggregate_type, domain::TimeMicros now)
    : mapping_(std::move(mapping)),
      columns_(std::move(columns)),
      aggregate_type_(std::move(aggregate_type)),
      now_(now) {}

std::optional<std::string> RowMapper::Find(const SourceRow& row, const FieldRefs& refs) const {
  for (const FieldRef& ref : refs) {
    if (auto found = FindField(columns_, row, ref)) return found;
  }
  return std::nullopt;
}

Uuid RowMapper::IdOf(std::string_view kind, const std::string& text) const {
  const auto id = Uuid::Parse(text);
  return id ? *id : NameUuid(kind, mapping_.table, text);
}

std::string RowMapper::AggregateTypeOf(const SourceRow& row, const std::string& event_type) const {
  if (!aggregate_type_.empty()) return aggregate_type_;
  if (auto named = Find(row, mapping_.aggregate_type)) return *std::move(named);
  const std::pair<std::string, std::string>* longest = nullptr;
  for (const auto& rule : mapping_.aggregate_type_by_prefix) {
    if (event_type.starts_with(rule.first) && (longest == nullptr || rule.first.size() > longest->first.size())) {
      longest = &rule;
    }
  }
  return longest == nullptr ? mapping_.default_aggregate_type : longest->second;
}

// Ours come last, and so win over members of the same name.
std::string RowMapper::MetadataOf(const SourceRow& row, const Provenance& provenance) const {
  const std::string ours = JsonObject()
                               .Add("legacy_id", row.id.value_or(""))
                               .Add("legacy_table", mapping_.table)
                               .Add("batch", provenance.batch)
                               .Add("run", provenance.run)
                               .Text();
  const auto theirs = Find(row, mapping_.metadata);
  if (!theirs) return ours;
  const auto object = RawObject::Parse(*theirs);
  if (!object) return *theirs;  // refused by the rules of the store
  if (object->empty()) return ours;
  return theirs->substr(0, theirs->rfind('}')) + "," + ours.substr(1);
}

MappedRow RowMapper::Map(const SourceRow& row, const Provenance& provenance) const {
  if (columns_.lines && !(row.values[0] && RawObject::Parse(*row.values[0]))) {
    return Refused("row", "is not a JSON object");
  }
  if (!row.id || row.id->empty()) return Refused("id", "is missing");
  if (!row.time) return Refused("timestamp", "is missing or not a time");
  if (*row.time < domain::kMinTime || *row.time > domain::kMaxTime) {
    return Refused("timestamp", "is not in the years 1 to 9999");
  }
  if (*row.time > now_ + domain::kMicrosPerDay) return Refused("timestamp", "lies more than a day ahead");

  MappedRow mapped;
  domain::RawEvent event;
  event.id = IdOf("event", *row.id).ToString();
  event.event_type = Find(row, mapping_.event_type).value_or("");
  event.user_id = Find(row, mapping_.user_id).value_or("");
  event.data = Find(row, mapping_.data).value_or("");
  if (event.data == "null") event.data.clear();  // of a JSON column; as NULL, and as in JSON lines
  event.metadata = MetadataOf(row, provenance);
  if (const auto cause = Find(row, mapping_.causation_id)) event.causation_id = IdOf("event", *cause).ToString();
  if (const auto correlation = Find(row, mapping_.correlation_id)) {
    event.correlation_id = IdOf("correlation", *correlation).ToString();
  }
  event.source = Find(row, mapping_.source).value_or("migration");

  domain::RawBatch batch;
  domain::RawAppend& append = batch.appends.emplace_back();
  const auto entity = Find(row, mapping_.aggregate_id);
  mapped.fresh_aggregate = !entity || entity->empty();
  append.aggregate_id =
      (mapped.fresh_aggregate ? NameUuid("fresh", mapping_.table, *row.id) : IdOf("aggregate", *entity)).ToString();
  append.aggregate_type = AggregateTypeOf(row, event.event_type);
  append.check.kind = domain::RawCheck::Kind::kAny;
  append.events.push_back(std::move(event));

  NoIds ids;
  auto parsed = domain::ParseBatch(std::move(batch), true, ids);
  if (!parsed.ok()) return Refused(parsed.status());
  domain::Append& valid = parsed->appends.front();
  mapped.event = domain::ImportedEvent{valid.aggregate_id, std::move(valid.aggregate_type), *row.time,
                                       std::move(valid.events.front())};
  return mapped;
}

}  // namespace eventstore::eventctl
