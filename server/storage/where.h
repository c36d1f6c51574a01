// A WHERE clause of fixed conditions and numbered parameters: SQL text is ours, values are parameters.
#pragma once

#include <string>
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
  void And(const char* condition, std::string value) { Add(" AND ", condition, std::move(value)); }
  void Or(const char* condition, std::string value) { Add(" OR ", condition, std::move(value)); }

  void AndAnyOf(const char* column, const std::vector<std::string>& values) {
    if (!values.empty()) And(fmt::format("{} = ANY ({{}}::text[])", column).c_str(), TextArray(values));
  }

  void AndFilter(const domain::EventFilter& filter) {
    AndAnyOf("event_type", filter.event_types);
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
  void Add(const char* join, const char* condition, std::string value) {
    args_.emplace_back(std::move(value));
    const std::string place = fmt::format("${}", taken_ + static_cast<int>(args_.size()));
    text_ += (text_.empty() ? "" : join) + fmt::format(fmt::runtime(condition), place);
  }

  const int taken_;
  std::string text_;
  pq::Args args_;
};

}  // namespace eventstore::storage
