// Lines of JSON as events.
#include "tools/eventctl/input/event_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/eventctl/input/raw_json.h"
#include "tools/eventctl/output/event_text.h"

namespace eventstore::eventctl {
namespace {

using testing::HasSubstr;

constexpr char kId[] = "b367e977-0bb3-5685-9034-e53359592eb1";
constexpr char kAggregate[] = "619b21b5-e042-5fe5-9a31-f86998003ab4";

std::string Why(const std::string& line, const LineDefaults& defaults = {}) {
  const auto parsed = ParseEventLine(line, defaults);
  return parsed.ok() ? "fine" : std::string(parsed.status().message());
}

TEST(EventLineTest, TheFormOfTheSystemsThatAreReplaced) {
  const auto line = ParseEventLine(
      R"({"id":"b367e977-0bb3-5685-9034-e53359592eb1","timestamp":"2016-10-18T21:16:51-04:00","type":"file.added",)"
      R"("user_id":"author-83daf34ae1","correlation_id":"C2A6B869-9aa4-5137-9fa0-eb92fb47ffec",)"
      R"("data":{"entityId":"619b21b5-e042-5fe5-9a31-f86998003ab4","path":"a.sql","additions":4}})",
      {.aggregate_type = "entity", .source = "migration"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->aggregate_id, kAggregate);
  EXPECT_EQ(line->aggregate_type, "entity");
  EXPECT_EQ(line->event.id(), kId);
  EXPECT_EQ(line->event.event_type(), "file.added");
  EXPECT_EQ(line->event.user_id(), "author-83daf34ae1");
  EXPECT_EQ(line->event.correlation_id(), "c2a6b869-9aa4-5137-9fa0-eb92fb47ffec");
  EXPECT_EQ(line->event.causation_id(), "");
  EXPECT_EQ(line->event.source(), "migration");
  EXPECT_EQ(line->event.data(), R"({"entityId":"619b21b5-e042-5fe5-9a31-f86998003ab4","path":"a.sql","additions":4})");
  EXPECT_EQ(line->event.metadata(), R"({"occurred_at": "2016-10-18T21:16:51-04:00"})");
}

TEST(EventLineTest, EveryFieldByItsOwnName) {
  const auto line = ParseEventLine(
      R"({"id":"b367e977-0bb3-5685-9034-e53359592eb1","aggregate_id":"619B21B5-e042-5fe5-9a31-f86998003ab4",)"
      R"("aggregate_type":"user","event_type":"user.joined","type":"ignored","user_id":"u\u00e4\"",)"
      R"("causation_id":"c2a6b869-9aa4-5137-9fa0-eb92fb47ffec","source":"sync","data": {"n": 1},)"
      R"("metadata":{ "a":1 },"timestamp":"2026-01-01","other":[1,{"x":"}"}]})",
      {});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->aggregate_id, kAggregate);
  EXPECT_EQ(line->aggregate_type, "user");
  EXPECT_EQ(line->event.event_type(), "user.joined");
  EXPECT_EQ(line->event.user_id(), "uä\"");
  EXPECT_EQ(line->event.causation_id(), "c2a6b869-9aa4-5137-9fa0-eb92fb47ffec");
  EXPECT_EQ(line->event.source(), "sync");
  EXPECT_EQ(line->event.metadata(), R"({"occurred_at": "2026-01-01", "a":1 })");
}

TEST(EventLineTest, ValuesGoThroughAsTheyAre) {
  // Forty digits, an exponent, escapes: none of it may pass through a double or be written anew.
  const std::string data =
      R"({"n": 1234567890123456789012345678901234567890.10, "e": 1e300, "s": "\u00e9\"}{", "s": 1})";
  const auto line =
      ParseEventLine(R"({"aggregate_id":"619b21b5-e042-5fe5-9a31-f86998003ab4","type":"t","data":)" + data + "}", {});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->event.data(), data);
}

TEST(EventLineTest, NullIsMissing) {
  const auto line = ParseEventLine(
      R"({"id":null,"aggregate_id":null,"aggregate_type":null,"event_type":null,"type":"t","user_id":null,)"
      R"("metadata":null,"source":null,"timestamp":null,"data":{"entityId":"619b21b5-e042-5fe5-9a31-f86998003ab4"}})",
      {});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->event.id(), "");
  EXPECT_EQ(line->aggregate_type, "entity");
  EXPECT_EQ(line->event.metadata(), "{}");
}

TEST(EventLineTest, AnEarlierOccurredAtStays) {
  const auto line = ParseEventLine(R"({"type":"t","timestamp":"2026-02-02","metadata":{"occurred_at":"2016-01-01"}})",
                                   {.needs_aggregate = false});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->event.metadata(), R"({"occurred_at":"2016-01-01"})");
}

TEST(EventLineTest, WhatIsPrintedCanBeLoaded) {
  v1::RecordedEvent event;
  event.set_id(kId);
  event.set_aggregate_id(kAggregate);
  event.set_aggregate_type("entity");
  event.set_version(3);
  event.set_global_position(9'007'199'254'740'993);
  event.set_event_type("t\n");
  event.set_data(R"({"a": [1, 2]})");
  event.set_metadata("{}");
  event.set_source("api");
  const std::string json = EventJson(event);
  EXPECT_THAT(json, HasSubstr("\"global_position\":9007199254740993"));
  EXPECT_THAT(json, HasSubstr("\"user_id\":null"));
  EXPECT_EQ(json.find('\n'), std::string::npos);
  const auto line = ParseEventLine(json, {});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->event.id(), kId);
  EXPECT_EQ(line->aggregate_id, kAggregate);
  EXPECT_EQ(line->event.event_type(), "t\n");
  EXPECT_EQ(line->event.data(), event.data());
  EXPECT_EQ(line->event.source(), "api");
}

TEST(EventLineTest, SaysWhatIsWrong) {
  EXPECT_EQ(Why("nonsense"), "is not a JSON object");
  EXPECT_EQ(Why("[1]"), "is not a JSON object");
  EXPECT_EQ(Why(R"({"type":"t"} x)"), "is not a JSON object");
  EXPECT_EQ(Why("{}"), "has no event_type (or type)");
  EXPECT_EQ(Why(R"({"type":7})"), "has a type that is not a string");
  EXPECT_EQ(Why(R"({"type":"t"})"), "has no aggregate_id, and its data has no entityId");
  EXPECT_EQ(Why(R"({"type":"t","data":[]})"), "has data that is not an object");
  EXPECT_EQ(Why(R"({"type":"t","data":"{}"})"), "has data that is not an object");
  EXPECT_EQ(Why(R"({"type":"t","id":"x"})"), "has the id \"x\", which is not a UUID");
  EXPECT_EQ(Why(R"({"type":"t","aggregate_id":"x"})"), "has the aggregate_id \"x\", which is not a UUID");
  EXPECT_EQ(Why(R"({"type":"t","data":{"entityId":5}})"), "has a entityId that is not a string");
  EXPECT_EQ(Why(R"({"type":"t"})", {.needs_aggregate = false}), "fine");
}

TEST(RawJsonTest, FindsTheLastOfTwo) {
  const auto object = RawObject::Parse(R"( { "a" : 1 , "b":{"a":[{"a":"]"}]}, "a" : "x\\" } )");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->Find("a"), R"("x\\")");
  EXPECT_EQ(object->FindString("a"), "x\\");
  EXPECT_EQ(object->Find("b"), R"({"a":[{"a":"]"}]})");
  EXPECT_EQ(object->FindString("b"), std::nullopt);
  EXPECT_EQ(object->Find("c"), std::nullopt);
}

TEST(RawJsonTest, AddsAMember) {
  EXPECT_EQ(WithMember("{}", "a", "x"), R"({"a": "x"})");
  EXPECT_EQ(WithMember("{ }", "a", "x\""), R"({"a": "x\""})");
  EXPECT_EQ(WithMember(" {\"b\":1}", "a", "x"), R"({"a": "x", "b":1})");
}

TEST(RawJsonTest, StringsAreEscapedAndRepaired) {
  EXPECT_EQ(JsonString("a\"\\\n\x01"), R"("a\"\\\n\u0001")");
  EXPECT_EQ(JsonString("\xff"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace eventstore::eventctl
