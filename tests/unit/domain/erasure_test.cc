// Rules, places in JSON, and what stands there when a value is encrypted.
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/erasure/envelope.h"
#include "server/domain/erasure/json_places.h"
#include "server/domain/erasure/rules.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/domain/domain_fakes.h"
#include "tests/unit/domain/json_text.h"

namespace eventstore::domain::erasure {
namespace {

using ::eventstore::testing::HasMessage;
using ::eventstore::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Path PathOf(const std::string& pointer) {
  auto path = ParsePath(pointer);
  EXPECT_THAT(path, IsOk());
  return path.value_or(Path{});
}

// The values found, each as "<pointer>=<text>".
std::vector<std::string> Found(const std::string& text, const std::vector<std::string>& pointers) {
  std::vector<Path> paths;
  for (const auto& pointer : pointers) paths.push_back(PathOf(pointer));
  std::vector<const Path*> named;
  for (const auto& path : paths) named.push_back(&path);
  std::vector<std::string> found;
  for (const Place& place : FindValues(text, named)) {
    found.push_back(place.pointer + "=" + text.substr(place.begin, place.end - place.begin));
  }
  return found;
}

TEST(ErasurePath, HasSegmentsOfAPointer) {
  EXPECT_EQ(PathOf("/a/b"), (Path{"a", "b"}));
  EXPECT_EQ(PathOf("/a~1b/~0/*"), (Path{"a/b", "~", "*"}));
  EXPECT_EQ(PathOf("/"), (Path{""}));
  EXPECT_EQ(PathOf("//x"), (Path{"", "x"}));
  for (const auto* wrong : {"", "a", "a/b", "/a~", "/a~2", "/~x"}) EXPECT_FALSE(ParsePath(wrong).ok()) << wrong;
}

TEST(ErasureRule, MatchesByTypeAndAggregateType) {
  RawRule raw;
  raw.data = {"/email"};
  auto any = ParseRule(raw);
  ASSERT_THAT(any, IsOk());
  EXPECT_TRUE(any->Matches("user", "whatever"));
  raw.event_types = {"customer.*", "order.placed"};
  raw.aggregate_types = {"user", "entity"};
  auto rule = ParseRule(raw);
  ASSERT_THAT(rule, IsOk());
  EXPECT_TRUE(rule->Matches("user", "customer.born"));
  EXPECT_TRUE(rule->Matches("entity", "order.placed"));
  EXPECT_FALSE(rule->Matches("user", "order.placed.late"));
  EXPECT_FALSE(rule->Matches("user", "customers"));
  EXPECT_FALSE(rule->Matches("system", "customer.born"));
  EXPECT_TRUE(rule->subject_is_user);
}

TEST(ErasureRule, SubjectIsTheUserOrAValueOfTheData) {
  RawRule raw;
  raw.data = {"/email"};
  raw.subject = "/customer/id";
  auto rule = ParseRule(raw);
  ASSERT_THAT(rule, IsOk());
  EXPECT_FALSE(rule->subject_is_user);
  EXPECT_EQ(rule->subject, (Path{"customer", "id"}));
  raw.subject = "user_id";
  EXPECT_TRUE(ParseRule(raw)->subject_is_user);
}

TEST(ErasureRule, WhatIsWrongIsNamed) {
  const auto wrong = [](auto change, const char* part) {
    RawRule raw;
    raw.data = {"/email"};
    change(raw);
    EXPECT_THAT(ParseRule(raw), HasMessage(HasSubstr(part)));
  };
  wrong([](RawRule& raw) { raw.data.clear(); }, "neither data nor metadata names a field");
  wrong([](RawRule& raw) { raw.data = {"email"}; }, "data takes pointers that begin with '/'");
  wrong([](RawRule& raw) { raw.metadata = {"/a~"}; }, "metadata has a '~'");
  wrong([](RawRule& raw) { raw.event_types = {"a*b"}; }, "'*' stands at the end");
  wrong([](RawRule& raw) { raw.event_types = {""}; }, "event_types has an empty entry");
  wrong([](RawRule& raw) { raw.event_types = {std::string(201, 'x')}; }, "201 bytes; the limit is 200");
  wrong([](RawRule& raw) { raw.aggregate_types = {"\xff"}; }, "aggregate_types has an entry that is not UTF-8");
  wrong([](RawRule& raw) { raw.data.assign(101, "/a"); }, "data has 101 entries; the limit is 100");
  wrong([](RawRule& raw) { raw.subject = "customer"; }, "subject is \"user_id\", or a pointer");
  wrong([](RawRule& raw) { raw.subject = "/customers/*"; }, "no '*' in it");
}

TEST(ErasurePlaces, ValuesOfEveryKindAreFoundAsTheyStand) {
  const std::string text = R"({ "a" : "x\"y", "b":1.50e2 , "c": [1, {"d":null}], "e":{"f": true,"g":{}} ,"h":-0})";
  EXPECT_THAT(Found(text, {"/a"}), ElementsAre(R"(/a="x\"y")"));
  EXPECT_THAT(Found(text, {"/b"}), ElementsAre("/b=1.50e2"));
  EXPECT_THAT(Found(text, {"/c"}), ElementsAre(R"(/c=[1, {"d":null}])"));
  EXPECT_THAT(Found(text, {"/c/1/d", "/h"}), ElementsAre("/c/1/d=null", "/h=-0"));
  EXPECT_THAT(Found(text, {"/e/*"}), ElementsAre("/e/f=true", "/e/g={}"));
  EXPECT_THAT(Found(text, {"/c/*"}), ElementsAre("/c/0=1", R"(/c/1={"d":null})"));
  EXPECT_THAT(Found(text, {"/x", "/a/b", "/c/2"}), IsEmpty());
}

TEST(ErasurePlaces, TheOutermostCounts) {
  EXPECT_THAT(Found(R"({"a":{"b":{"c":1}},"b":2})", {"/a/b/c", "/a", "/*/b", "/b"}),
              ElementsAre(R"(/a={"b":{"c":1}})", "/b=2"));
}

TEST(ErasurePlaces, KeysAreComparedByWhatTheyMean) {
  // As jsonb has them: an escape is the letter that it stands for, and both of a double key are covered.
  EXPECT_THAT(Found(R"({"\u0065mail":"x","email":"y"})", {"/email"}), ElementsAre(R"(/email="x")", R"(/email="y")"));
  EXPECT_THAT(Found(R"({"a/b":{"~":1}})", {"/a~1b/~0"}), ElementsAre("/a~1b/~0=1"));
}

TEST(ErasurePlaces, WhatIsNoJsonHoldsNothing) {
  for (const auto* text : {"", "{", R"({"a":1)", R"({"a" 1})", "nonsense"}) EXPECT_THAT(Found(text, {"/a"}), IsEmpty());
}

TEST(ErasurePlaces, ScalarIsTheLastOfItsName) {
  const std::string text = R"({"id":"a\u00e9","n":12.50,"o":{"id":7},"b":true,"d":1,"d":"2"})";
  EXPECT_EQ(ScalarAt(text, {"id"}), "aé");
  EXPECT_EQ(ScalarAt(text, {"n"}), "12.50");
  EXPECT_EQ(ScalarAt(text, {"o", "id"}), "7");
  EXPECT_EQ(ScalarAt(text, {"d"}), "2");
  for (const auto* none : {"b", "o", "x"}) EXPECT_EQ(ScalarAt(text, {none}), std::nullopt) << none;
}

TEST(ErasurePlaces, WrappedIsAnObjectWithThatOneMember) {
  const std::string text =
      R"({"a": {"k": "1"}, "b": [{"k": "2"}, {"k": "3", "l": 1}, {"l": 1, "k": "4"}, {"k": 5}, {"k": {"k": "6"}}, {}], "k": "7"})";
  std::vector<std::string> found;
  for (const Wrapped& one : FindWrapped(text, "k")) {
    found.push_back(one.place.pointer + "=" + one.value + "=" +
                    text.substr(one.place.begin, one.place.end - one.place.begin));
  }
  EXPECT_THAT(found, ElementsAre(R"(/a=1={"k": "1"})", R"(/b/0=2={"k": "2"})", R"(/b/4/k=6={"k": "6"})"));
}

TEST(ErasurePlacesProperty, WhatIsReplacedByItselfLeavesTheText) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = RandomJsonObject(4).sent;
    const Path all{"*"};
    std::vector<Replacement> replacements;
    for (const Place& place : FindValues(text, {&all})) {
      replacements.push_back({place.begin, place.end, text.substr(place.begin, place.end - place.begin)});
    }
    RC_ASSERT(Replaced(text, replacements) == text);
    // Nothing of a top-level value is left when all are replaced.
    for (auto& replacement : replacements) replacement.text = "0";
    const std::string left = Replaced(text, replacements);
    const auto again = FindValues(left, {&all});
    RC_ASSERT(again.size() == replacements.size());
    for (const Place& place : again) RC_ASSERT(left.substr(place.begin, place.end - place.begin) == "0");
  }));
}

TEST(ErasureEnvelope, IsReadAsItWasWritten) {
  const Envelope envelope{TestId(7), std::string("\0\1\2\3\4\5\6\7\x08\x09\x0a\xff", 12), std::string(40, '\xfe')};
  const std::string json = ToJson(envelope);
  const auto found = FindWrapped(json, kEncryptedKey);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].place.pointer, "");
  EXPECT_EQ(ParseEnvelope(found[0].value), envelope);
  EXPECT_NE(json.find(kEncryptedMark), std::string::npos);
}

TEST(ErasureEnvelope, WhatSomebodyElseWroteIsNone) {
  const std::string good =
      FindWrapped(ToJson({TestId(1), std::string(12, 'n'), std::string(16, 't')}), kEncryptedKey)[0].value;
  ASSERT_TRUE(ParseEnvelope(good));
  for (const std::string& wrong : {std::string(), std::string("1"), "2" + good.substr(1), good + ".", good + "=",
                                   good + "A", good.substr(0, good.size() - 1), "1.x" + good.substr(1),
                                   std::string("1.") + TestIdText(1) + ".bm5u.dHR0", std::string("1...")}) {
    EXPECT_FALSE(ParseEnvelope(wrong)) << wrong;
  }
}

TEST(ErasureEnvelope, IsBoundToEventFieldAndPlace) {
  const std::string here = BoundTo(TestId(1), "data", "/a");
  EXPECT_NE(here, BoundTo(TestId(2), "data", "/a"));
  EXPECT_NE(here, BoundTo(TestId(1), "metadata", "/a"));
  EXPECT_NE(here, BoundTo(TestId(1), "data", "/b"));
}

}  // namespace
}  // namespace eventstore::domain::erasure
