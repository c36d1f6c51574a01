#include "server/erasure/rule_file.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace eventstore::erasure {
namespace {

using ::eventstore::testing::HasMessage;
using ::eventstore::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(RuleFile, RulesAreReadInTheirOrder) {
  const auto rules = ParseRuleFile(R"(
[[rule]]
event_types = "customer.*"
data = ["/email", "/addresses/*/street"]
metadata = "/ip"

[[rule]]
event_types = ["order.placed"]
aggregate_types = ["entity"]
data = "/shipping"
subject = "/customer_id"
)");
  ASSERT_THAT(rules, IsOk());
  ASSERT_EQ(rules->size(), 2U);
  const auto& first = rules->front();
  EXPECT_EQ(first.event_type_prefixes, std::vector<std::string>{"customer."});
  EXPECT_EQ(first.data, (std::vector<domain::erasure::Path>{{"email"}, {"addresses", "*", "street"}}));
  EXPECT_EQ(first.metadata, (std::vector<domain::erasure::Path>{{"ip"}}));
  EXPECT_TRUE(first.subject_is_user);
  EXPECT_EQ(rules->back().subject, (domain::erasure::Path{"customer_id"}));
  EXPECT_EQ(rules->back().aggregate_types, std::vector<std::string>{"entity"});
}

TEST(RuleFile, WhatIsWrongIsNamedByLine) {
  const auto wrong = [](const std::string& text, const std::string& line, const std::string& part) {
    EXPECT_THAT(ParseRuleFile(text), HasMessage(AllOf(HasSubstr(line), HasSubstr(part)))) << text;
  };
  wrong("", "", "there is no [[rule]] in it");
  wrong("[[rules]]\ndata = '/a'", "line 1", "only [[rule]] tables");
  wrong("[rule]\ndata = '/a'", "", "there is no [[rule]] in it");
  wrong("[[rule]]\ndata =", "line 2", "this is not TOML");
  wrong("[[rule]]\nevent_types = 'a'\n", "line 1", "neither data nor metadata");
  wrong("[[rule]]\ndata = '/a'\nevents = 'b'", "line 3", "there is no 'events'; known are");
  wrong("[[rule]]\ndata = 7", "line 2", "data takes a text, or a list of texts");
  wrong("[[rule]]\ndata = ['/a', 7]", "line 2", "data takes texts only");
  wrong("[[rule]]\ndata = []", "line 2", "data is an empty list");
  wrong("[[rule]]\ndata = '/a'\nsubject = ['user_id', '/b']", "line 3", "subject takes one text");
  wrong("[[rule]]\ndata = '/a'\n[[rule]]\ndata = 'b'", "line 3", "begin with '/'");
  wrong("# " + std::string(kMaxRuleFileBytes, 'x'), "", "of at most");
}

TEST(RuleFile, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(ReadRuleFile("/nowhere/rules.toml"),
              HasMessage(AllOf(HasSubstr("erasure_rules /nowhere/rules.toml"), HasSubstr("No such file"))));
}

}  // namespace
}  // namespace eventstore::erasure
