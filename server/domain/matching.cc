#include "server/domain/matching.h"

#include <algorithm>
#include <string_view>

#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"

namespace eventstore::domain {
namespace {

bool IsAnyOf(const std::vector<std::string>& values, const std::string& value) {
  return values.empty() || std::ranges::find(values, value) != values.end();
}

bool HasType(const EventFilter& filter, const std::string& type) {
  if (filter.event_types.empty() && filter.event_type_prefixes.empty()) return true;
  return std::ranges::find(filter.event_types, type) != filter.event_types.end() ||
         std::ranges::any_of(filter.event_type_prefixes, [&](const auto& prefix) { return type.starts_with(prefix); });
}

using Members = std::vector<std::pair<std::string, std::string>>;

// Ticks off what an object has of `wanted` among its own members. RapidJSON's document would do, but its header does not
// compile with clang 19.
class MemberCheck : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, MemberCheck> {
 public:
  using Length = rapidjson::SizeType;

  explicit MemberCheck(const Members& wanted) : wanted_(wanted), found_(wanted.size(), false) {}

  bool all() const {
    return std::ranges::all_of(found_, [](bool found) { return found; });
  }

  bool Key(const char* text, Length length, bool /*copy*/) {
    if (depth_ == 1) key_.assign(text, length);
    return true;
  }
  bool String(const char* text, Length length, bool /*copy*/) { return Value({text, length}); }
  bool RawNumber(const char* text, Length length, bool /*copy*/) { return Value({text, length}); }
  bool Bool(bool value) { return Value(value ? "true" : "false"); }
  bool StartObject() { return Enter(); }
  bool EndObject(Length /*members*/) { return Leave(); }
  bool StartArray() { return Enter(); }
  bool EndArray(Length /*elements*/) { return Leave(); }

 private:
  bool Value(std::string_view value) {
    for (std::size_t i = 0; depth_ == 1 && i < wanted_.size(); ++i) {
      if (wanted_[i].first == key_ && wanted_[i].second == value) found_[i] = true;
    }
    return true;
  }
  bool Enter() {
    ++depth_;
    return true;
  }
  bool Leave() {
    --depth_;
    return true;
  }

  const Members& wanted_;
  std::vector<bool> found_;
  std::string key_;
  int depth_ = 0;
};

// `metadata` is what PostgreSQL printed: an object, each key once, numbers in the form that ->> gives.
bool HasMembers(const Members& members, const std::string& metadata) {
  if (members.empty()) return true;
  MemberCheck check(members);
  rapidjson::MemoryStream input(metadata.data(), metadata.size());
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  return !reader.Parse<kFlags>(input, check).IsError() && check.all();
}

}  // namespace

bool Matches(const EventFilter& filter, const RecordedEvent& event) {
  if (filter.aggregate_id && *filter.aggregate_id != event.aggregate_id) return false;
  if (!HasType(filter, event.event_type)) return false;
  if (!IsAnyOf(filter.aggregate_types, event.aggregate_type)) return false;
  if (!IsAnyOf(filter.sources, event.source)) return false;
  if (!IsAnyOf(filter.user_ids, event.user_id)) return false;
  if (!filter.correlation_ids.empty() &&
      (!event.correlation_id ||
       std::ranges::find(filter.correlation_ids, *event.correlation_id) == filter.correlation_ids.end())) {
    return false;
  }
  return HasMembers(filter.metadata, event.metadata);
}

}  // namespace eventstore::domain
