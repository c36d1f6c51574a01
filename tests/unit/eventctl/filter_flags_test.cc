// Which events, and from where: flags as people type them, and what is asked of the server.
#include "tools/eventctl/input/filter_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eventstore/v1/subscriptions.pb.h"
#include "tools/eventctl/input/start_flag.h"

namespace eventstore::eventctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FlagsTest : public testing::Test {
 protected:
  FlagsTest() {
    filter_.AddTo(app_);
    AddStart(app_, "--from", from_, "where");
  }

  // The error's text; empty: accepted.
  std::string Parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv = {"test"};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    try {
      app_.parse(static_cast<int>(argv.size()), argv.data());
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "";
  }

  CLI::App app_;
  FilterFlags filter_;
  std::string from_;
};

TEST_F(FlagsTest, AStarAtTheEndMakesAPrefix) {
  ASSERT_EQ(Parse({"--event-type", "order.*", "--event-type", "a*b"}), "");
  const v1::EventFilter filter = filter_.ToProto();
  EXPECT_THAT(filter.event_type_prefixes(), ElementsAre("order."));
  EXPECT_THAT(filter.event_types(), ElementsAre("a*b"));
}

TEST_F(FlagsTest, EveryFieldGoesWhereItBelongs) {
  const std::string id = "0190a0e2-7c1b-7000-8000-000000000001";
  ASSERT_EQ(Parse({"--aggregate-type", "entity", "--user", "ada", "--correlation", id, "--source", "api", "--meta",
                   "key=a=b", "--meta", "empty="}),
            "");
  EXPECT_FALSE(filter_.empty());
  const v1::EventFilter filter = filter_.ToProto();
  EXPECT_THAT(filter.aggregate_types(), ElementsAre("entity"));
  EXPECT_THAT(filter.user_ids(), ElementsAre("ada"));
  EXPECT_THAT(filter.correlation_ids(), ElementsAre(id));
  EXPECT_THAT(filter.sources(), ElementsAre("api"));
  EXPECT_EQ(filter.metadata().at("key"), "a=b");
  EXPECT_EQ(filter.metadata().at("empty"), "");
  EXPECT_EQ(FilterText(filter),
            "aggregate type entity; user ada; correlation " + id + "; source api; metadata empty=, key=a=b");
}

TEST_F(FlagsTest, NothingGivenIsEverything) {
  ASSERT_EQ(Parse({}), "");
  EXPECT_TRUE(filter_.empty());
  EXPECT_EQ(FilterText(filter_.ToProto()), "all events");
}

TEST_F(FlagsTest, WhatCannotBeMeantIsRefused) {
  EXPECT_THAT(Parse({"--event-type", "*"}), HasSubstr("leave --event-type out"));
  EXPECT_THAT(Parse({"--meta", "nothing"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(Parse({"--meta", "=value"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(Parse({"--correlation", "x"}), HasSubstr("UUID"));
  EXPECT_THAT(Parse({"--from", "yesterday"}), HasSubstr("beginning, now, a position"));
  EXPECT_THAT(Parse({"--from", "-1"}), HasSubstr("beginning, now, a position"));
}

TEST_F(FlagsTest, AStartIsOneOfFour) {
  const auto start = [](const std::string& text) {
    v1::SubscribeRequest request;
    SetStart(text, request);
    return request;
  };
  EXPECT_TRUE(start("beginning").has_from_beginning());
  EXPECT_TRUE(start("now").has_from_now());
  EXPECT_EQ(start("4294967296").from_position(), 4'294'967'296);
  EXPECT_EQ(start("0").start_case(), v1::SubscribeRequest::kFromPosition);
  EXPECT_EQ(start("2026-11-21T14:00Z").from_time().seconds(), 1'795'269'600);
  EXPECT_EQ(start("2h").start_case(), v1::SubscribeRequest::kFromTime);
}

}  // namespace
}  // namespace eventstore::eventctl
