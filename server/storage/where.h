// A WHERE clause of fixed conditions and numbered parameters: SQL text is ours, values are parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/domain/query.h"
#include "server/storage/pq_compat.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {

class Where {
 public:
  // `taken`: parameters the statement has before these.
  explicit Where(int taken) : taken_(taken) {}

  // `condition` holds one {} for the parameter's place, for example "version >= {}::integer".
  void And(const char* condition, std::string value) { Add(" AND ", condition, {std::move(value)}); }
  void Or(const char* condition, std::string value) { Add(" OR ", condition, {std::move(value)}); }
  // With a {} for each value.
  void And(const char* condition, std::vector<std::string> values) { Add(" AND ", condition, std::move(values)); }

  void AndAnyOf(const char* column, const std::vector<std::string>& values) {
    if (!values.empty()) And(fmt::format("{} = ANY ({{}}::text[])", column).c_str(), TextArray(values));
  }

  // domain::Matches() says the same of an event at hand.
  void AndFilter(const domain::EventFilter& filter) {
    if (filter.aggregate_id) And("aggregate_id = {}::uuid", filter.aggregate_id->ToString());
    if (filter.event_type_prefixes.empty()) {
      AndAnyOf("event_type", filter.event_types);
    } else {
      And("(event_type = ANY ({}::text[]) OR event_type ^@ ANY ({}::text[]))",
          {TextArray(filter.event_types), TextArray(filter.event_type_prefixes)});
    }
    if (!filter.correlation_ids.empty()) And("correlation_id = ANY ({}::uuid[])", IdArray(filter.correlation_ids));
    if (!filter.metadata.empty()) {
      ArrayText keys;
      ArrayText values;
      for (const auto& [key, value] : filter.metadata) {
        keys.Add(key);
        values.Add(value);
      }
      And("NOT EXISTS (SELECT 1 FROM unnest({}::text[], {}::text[]) AS m (key, value) "
          "WHERE metadata->>m.key IS DISTINCT FROM m.value "
          "OR jsonb_typeof(metadata->m.key) NOT IN ('string', 'number', 'boolean'))",
          {keys.Take(), values.Take()});
    }
    AndAnyOf("aggregate_type", filter.aggregate_types);
    AndAnyOf("user_id", filter.user_ids);
    AndAnyOf("source", filter.sources);
  }

  void AndWithin(const domain::TimeRange& range) {
    And("timestamp >= {}::timestamptz", TimestampText(range.from));
    And("timestamp < {}::timestamptz", TimestampText(range.to));
  }

  std::string text() const { return text_.empty() ? "true" : text_; }
  const pq::Args& args() const { return args_; }

 private:
  void Add(const char* join, const char* condition, std::vector<std::string> values) {
    if (!text_.empty()) text_ += join;
    std::string_view rest = condition;
    for (std::string& value : values) {
      const std::size_t at = rest.find("{}");
      args_.emplace_back(std::move(value));
      text_ += fmt::format("{}${}", rest.substr(0, at), taken_ + static_cast<int>(args_.size()));
      rest.remove_prefix(at + 2);
    }
    text_ += rest;
  }

  const int taken_;
  std::string text_;
  pq::Args args_;
};

}  // namespace eventstore::storage
