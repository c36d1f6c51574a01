// The lists of values that queries filter by: the same rules for each of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "server/domain/limits.h"
#include "server/domain/query_validation.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;

struct FilterList {
  const char* field;
  std::size_t max_bytes;
  std::function<absl::Status(const std::vector<std::string>&)> parse;
};

// A list of the filter that ReadAll and subscriptions share.
auto ParseInFilter(std::vector<std::string> RawFilter::* list) {
  return [list](const std::vector<std::string>& values) {
    RawReadAllQuery raw;
    raw.filter.*list = values;
    return ParseReadAllQuery(raw).status();
  };
}

const FilterList kFilterLists[] = {
    {"event_types", 200,
     [](const auto& values) {
       RawUserQuery raw;
       raw.user_id = "ann";
       raw.event_types = values;
       return ParseUserQuery(raw, 0).status();
     }},
    {"aggregate_types", 100,
     [](const auto& values) {
       RawUserQuery raw;
       raw.user_id = "ann";
       raw.aggregate_types = values;
       return ParseUserQuery(raw, 0).status();
     }},
    {"filter.event_types", 200, ParseInFilter(&RawFilter::event_types)},
    {"filter.aggregate_types", 100, ParseInFilter(&RawFilter::aggregate_types)},
    {"filter.user_ids", 200, ParseInFilter(&RawFilter::user_ids)},
    {"filter.sources", 100, ParseInFilter(&RawFilter::sources)},
    {"filter.event_type_prefixes", 200, ParseInFilter(&RawFilter::event_type_prefixes)},
    {"event_types", 200,
     [](const auto& values) {
       RawCountQuery raw;
       raw.event_types = values;
       return ParseCountQuery(raw).status();
     }},
    {"aggregate_types", 100,
     [](const auto& values) {
       RawCountQuery raw;
       raw.aggregate_types = values;
       return ParseCountQuery(raw).status();
     }},
    {"sources", 100,
     [](const auto& values) {
       RawCountQuery raw;
       raw.sources = values;
       return ParseCountQuery(raw).status();
     }},
};

class FilterLists : public ::testing::TestWithParam<FilterList> {};

TEST_P(FilterLists, AreBoundedInCountAndSize) {
  const auto& [field, max_bytes, parse] = GetParam();
  const std::string name = field;
  EXPECT_TRUE(parse({}).ok());
  EXPECT_TRUE(parse({std::string(max_bytes, 'x')}).ok());
  EXPECT_TRUE(parse(std::vector<std::string>(kMaxFilterValues, "x")).ok());

  const Error many = FromStatus(parse(std::vector<std::string>(kMaxFilterValues + 1, "x")));
  EXPECT_EQ(many.reason, Reason::kLimitExceeded);
  EXPECT_EQ(many.violations, (std::vector<FieldViolation>{{name, "has 101 entries; the limit is 100"}}));

  const Error large = FromStatus(parse({"x", std::string(max_bytes + 1, 'x')}));
  EXPECT_EQ(large.reason, Reason::kLimitExceeded);
  EXPECT_THAT(FieldsOf(ToStatus(large)), ElementsAre(name + "[1]"));

  const Error bad = FromStatus(parse({"x", "", "\xff", std::string(1, '\0')}));
  EXPECT_EQ(bad.reason, Reason::kInvalidRequest);
  EXPECT_THAT(FieldsOf(ToStatus(bad)), ElementsAre(name + "[1]", name + "[2]", name + "[3]"));
}

INSTANTIATE_TEST_SUITE_P(Queries, FilterLists, ::testing::ValuesIn(kFilterLists));

}  // namespace
}  // namespace eventstore::domain
