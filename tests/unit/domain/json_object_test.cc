#include "server/domain/json_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "server/domain/limits.h"
#include "tests/unit/domain/json_text.h"

namespace eventstore::domain {
namespace {

using ::testing::HasSubstr;

std::string Repeat(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// The number of bytes, or why it was refused.
std::string Inspect(const std::string& text) {
  const auto facts = InspectJsonObject(text);
  return facts.ok() ? std::to_string(facts->normal_bytes) : std::string(facts.status().message());
}

TEST(InspectJsonObject, MeasuresWhatPostgresPrints) {
  struct Row {
    std::string sent;
    std::string printed;
  };
  const std::vector<Row> rows = {
      {"{}", "{}"},
      {" \t\r\n{ } ", "{}"},
      {R"({"a":1})", R"({"a": 1})"},
      {R"({"a":1,"b":[],"c":[1,2,3],"d":{}})", R"({"a": 1, "b": [], "c": [1, 2, 3], "d": {}})"},
      {R"({"a":true,"b":false,"c":null})", R"({"a": true, "b": false, "c": null})"},
      {R"({"":""})", R"({"": ""})"},
      {R"({"a":"\u0041\/\n\u000a\u0001"})", R"({"a": "A/\n\n\u0001"})"},
      {R"({"a":"\"\\"})", R"({"a": "\"\\"})"},
      {R"({"a":"\ud83d\ude00"})", "{\"a\": \"\xf0\x9f\x98\x80\"}"},
      {R"({"a":1.50})", R"({"a": 1.50})"},
      {R"({"a":-12.5e1})", R"({"a": -125})"},
      {R"({"a":12.5E-1})", R"({"a": 1.25})"},
      {R"({"a":1e300})", R"({"a": 1)" + Repeat("0", 300) + "}"},
      {R"({"a":1e+0308})", R"({"a": 1)" + Repeat("0", 308) + "}"},
      {R"({"a":1e-308})", R"({"a": 0.)" + Repeat("0", 307) + "1}"},
  };
  for (const Row& row : rows) EXPECT_EQ(Inspect(row.sent), std::to_string(row.printed.size())) << row.sent;
}

TEST(InspectJsonObject, RefusesWhatIsNotJson) {
  using namespace std::string_literals;
  for (const std::string& text : {""s,
                                  " "s,
                                  "{"s,
                                  "}"s,
                                  "{]"s,
                                  "{}}"s,
                                  "{}{}"s,
                                  "{} x"s,
                                  "{,}"s,
                                  R"({"a"})"s,
                                  R"({"a":})"s,
                                  R"({"a":1,})"s,
                                  R"({a:1})"s,
                                  R"({'a':1})"s,
                                  R"({"a":01})"s,
                                  R"({"a":.5})"s,
                                  R"({"a":1.})"s,
                                  R"({"a":+1})"s,
                                  R"({"a":1e})"s,
                                  R"({"a":-})"s,
                                  R"({"a":0x1})"s,
                                  R"({"a":NaN})"s,
                                  R"({"a":Infinity})"s,
                                  R"({"a":True})"s,
                                  R"({"a":nul})"s,
                                  R"({"a":[1,]})"s,
                                  R"({"a":[1)"s,
                                  R"({"a":"x)"s,
                                  R"({"a":"\x"})"s,
                                  R"({"a":"\u12"})"s,
                                  R"({"a":"\u12g4"})"s,
                                  "{\"a\":\"\n\"}"s,
                                  "{\"a\":\"\x1f\"}"s,
                                  "\xef\xbb\xbf{}"s,
                                  "{}/**/"s,
                                  "{}\x0b"s,
                                  "{}\xc2\xa0"s,
                                  R"({"a":1 "b":2})"s,
                                  R"({"a" 1})"s,
                                  R"({"a":1;"b":2})"s,
                                  R"({1:2})"s,
                                  "{\"a\":\"\xff\"}"s,
                                  "{\"a\":\"\xc0\x80\"}"s,
                                  "{\"a\":\"\xed\xa0\x80\"}"s,
                                  "{\"a\":\"\xf4\x90\x80\x80\"}"s,
                                  "{\"\xe2\x82\":1}"s,
                                  R"({"a":"\ud800"})"s,
                                  R"({"a":"\ud800\u0041"})"s,
                                  R"({"a":"\ud800\ud800"})"s}) {
    EXPECT_THAT(Inspect(text), HasSubstr("is not JSON: ")) << text;
  }
  EXPECT_THAT(Inspect(R"({"a":1 "b":2})"), HasSubstr("at byte 7"));
}

TEST(InspectJsonObject, RefusesWhatIsNotAnObject) {
  for (const char* text : {"null", "true", "false", "0", "-1.5e3", "\"text\"", "[]", "[{}]", " [1]"}) {
    EXPECT_THAT(Inspect(text), HasSubstr("not an object")) << text;
  }
}

TEST(InspectJsonObject, RefusesWhatJsonbCannotHold) {
  EXPECT_THAT(Inspect(R"({"a":"x\u0000y"})"), HasSubstr("\\u0000"));
  EXPECT_THAT(Inspect(R"({"\u0000":1})"), HasSubstr("\\u0000"));
  EXPECT_THAT(Inspect(std::string("{}\0{}", 5)), HasSubstr("NUL byte at byte 2"));
  EXPECT_THAT(Inspect(std::string("{\"a\":\"\0\"}", 9)), HasSubstr("NUL byte at byte 6"));
  EXPECT_THAT(Inspect(R"({"a":"\udc00"})"), HasSubstr("surrogate"));
  EXPECT_THAT(Inspect(R"({"\udc00\ud800":1})"), HasSubstr("surrogate"));
  EXPECT_THAT(Inspect(R"({"a":"\udfffx"})"), HasSubstr("surrogate"));
  // Their neighbours are fine.
  EXPECT_EQ(Inspect(R"({"a":"\ud7ff\ue000"})"), "15");
}

TEST(InspectJsonObject, DepthIsBounded) {
  const auto objects = [](std::size_t depth) { return Repeat("{\"a\":", depth - 1) + "{}" + Repeat("}", depth - 1); };
  const auto arrays = [](std::size_t depth) {
    return "{\"a\":" + Repeat("[", depth - 1) + Repeat("]", depth - 1) + "}";
  };
  EXPECT_TRUE(InspectJsonObject(objects(kMaxJsonDepth)).ok());
  EXPECT_TRUE(InspectJsonObject(arrays(kMaxJsonDepth)).ok());
  EXPECT_THAT(Inspect(objects(kMaxJsonDepth + 1)), HasSubstr("deeper than 100"));
  EXPECT_THAT(Inspect(arrays(kMaxJsonDepth + 1)), HasSubstr("deeper than 100"));
  // Depth is not the number of objects.
  EXPECT_TRUE(InspectJsonObject("{\"a\":[" + Repeat("{},", 1000) + "{}]}").ok());
  EXPECT_THAT(Inspect("{\"a\":" + Repeat("[", 5'000'000)), HasSubstr("deeper than 100"));
}

TEST(InspectJsonObject, NumbersAreBounded) {
  const auto number = [](const std::string& text) { return Inspect("{\"a\":" + text + "}"); };
  const std::string too_long = "more than 16383 digits";
  EXPECT_EQ(number("1e308"), std::to_string(7 + 309));
  EXPECT_EQ(number("-1e308"), std::to_string(8 + 309));
  EXPECT_THAT(number("1e309"), HasSubstr("no double can hold"));
  EXPECT_THAT(number("1e-309"), HasSubstr("exponent outside -308 to 308"));
  EXPECT_THAT(number("1e-99999999999999999999"), HasSubstr("exponent outside"));
  EXPECT_EQ(number("0e0000000000000308"), std::to_string(7 + 309));
  EXPECT_EQ(number("1.7976931348623157e308"), std::to_string(7 + 309));
  EXPECT_THAT(number("1.7976931348623159e308"), HasSubstr("no double can hold"));
  EXPECT_THAT(number("-1.7976931348623159e308"), HasSubstr("no double can hold"));
  EXPECT_THAT(number("10e308"), HasSubstr("no double can hold"));
  EXPECT_EQ(number(Repeat("9", 308)), std::to_string(7 + 308));
  EXPECT_THAT(number(Repeat("9", 309)), HasSubstr("no double can hold"));
  EXPECT_THAT(number(Repeat("9", 400)), HasSubstr("no double can hold"));
  EXPECT_EQ(number("0." + Repeat("3", 16'383)), std::to_string(7 + 2 + 16'383));
  EXPECT_THAT(number("0." + Repeat("3", 16'384)), HasSubstr(too_long));
  EXPECT_EQ(number("0." + Repeat("3", 16'384) + "e1"), std::to_string(7 + 3 + 16'383));
  EXPECT_EQ(number("0." + Repeat("3", 16'075) + "e-308"), std::to_string(7 + 2 + 16'383));
  EXPECT_THAT(number("0." + Repeat("3", 16'076) + "e-308"), HasSubstr(too_long));
}

TEST(InspectJsonObject, IsLinearInItsInput) {
  // 4 MiB of members: done in well under a second when linear, in hours when not.
  EXPECT_TRUE(InspectJsonObject("{\"k\":0" + Repeat(",\"k\":0", 700'000) + "}").ok());
}

RC_GTEST_PROP(InspectJsonObjectProperty, BoundIsExactWithoutRepeatedKeys, ()) {
  const JsonSpelling json = RandomJsonObject(3);
  const auto facts = InspectJsonObject(json.sent);
  RC_ASSERT(facts.ok());
  RC_ASSERT(facts->normal_bytes == json.printed.size());
  // What PostgreSQL prints is itself in normal form.
  RC_ASSERT(InspectJsonObject(json.printed)->normal_bytes == json.printed.size());
}

RC_GTEST_PROP(InspectJsonObjectProperty, EveryRefusalOfDamagedTextSaysWhy, ()) {
  const std::string text = RandomJsonLikeText();
  const auto facts = InspectJsonObject(text);
  if (facts.ok()) {
    RC_ASSERT(facts->normal_bytes >= 2U);
    RC_ASSERT(text.find('\0') == std::string::npos);
  } else {
    RC_ASSERT(absl::IsInvalidArgument(facts.status()));
    RC_ASSERT(facts.status().message().size() > 10U);
  }
}

RC_GTEST_PROP(InspectJsonObjectProperty, AnyBytesAreJudged, (const std::string& bytes)) {
  const auto facts = InspectJsonObject(bytes);
  // Nothing that starts otherwise is an object.
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  RC_ASSERT(!facts.ok() || (first != std::string::npos && bytes[first] == '{'));
}

}  // namespace
}  // namespace eventstore::domain
