#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/domain/access/identity.h"
#include "server/domain/access/rules.h"
#include "server/domain/error.h"
#include "server/domain/matching.h"

namespace eventstore::domain::access {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : std::string(ReasonName(FromStatus(status).reason));
}

std::string FieldOf(const absl::Status& status) {
  for (const auto& [key, value] : FromStatus(status).metadata) {
    if (key == "field") return value;
  }
  return "";
}

RawIdentity Raw() { return {.name = "orders", .roles = {"reader", "writer"}}; }

Identity Limited(const Limits& limits) { return {"orders", {Role::kReader, Role::kWriter}, limits}; }

RecordedEvent EventOf(const std::string& aggregate_type, const std::string& user, const std::string& type) {
  RecordedEvent event;
  event.aggregate_type = aggregate_type;
  event.user_id = user;
  event.event_type = type;
  return event;
}

TEST(Identity, IsParsed) {
  RawIdentity raw = Raw();
  raw.aggregate_types = {"order"};
  raw.user_ids = {"ada"};
  raw.event_types = {"order.*", "invoice.sent"};
  const auto identity = ParseIdentity(raw);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(*identity,
            (Identity{"orders", {Role::kReader, Role::kWriter}, {{"order"}, {"ada"}, {"invoice.sent"}, {"order."}}}));
  EXPECT_TRUE(ParseIdentity(Raw())->limits.none());
}

TEST(Identity, WhatCouldMeanTooMuchIsRefused) {
  using Change = void (*)(RawIdentity&);
  const std::vector<Change> changes = {
      [](auto& raw) { raw.name = ""; },
      [](auto& raw) { raw.name = "two\nlines"; },
      [](auto& raw) { raw.name = std::string(kMaxIdentityNameBytes + 1, 'x'); },
      [](auto& raw) { raw.roles = {}; },
      [](auto& raw) { raw.roles = {"reader", "root"}; },
      [](auto& raw) { raw.roles = {"Reader"}; },
      [](auto& raw) { raw.aggregate_types.emplace(); },
      [](auto& raw) { raw.user_ids.emplace(); },
      [](auto& raw) { raw.user_ids = {""}; },
      [](auto& raw) { raw.event_types.emplace(); },
      [](auto& raw) { raw.event_types = {"*"}; },
      [](auto& raw) { raw.event_types = {"order.*.paid"}; },
      [](auto& raw) { raw.event_types = {"order.**"}; },
      [](auto& raw) { raw.aggregate_types = std::vector<std::string>(kMaxLimitValues + 1, "order"); },
      [](auto& raw) { raw.roles = {"admin"}, raw.user_ids = {"ada"}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    RawIdentity raw = Raw();
    changes[i](raw);
    EXPECT_FALSE(ParseIdentity(raw).ok()) << "change " << i;
  }
}

TEST(Roles, NoneIncludesAnotherButAdminHasAll) {
  for (const Role has : {Role::kReader, Role::kWriter, Role::kOperator, Role::kAdmin}) {
    for (const Role needed : {Role::kReader, Role::kWriter, Role::kOperator, Role::kAdmin}) {
      const bool may = has == needed || has == Role::kAdmin;
      EXPECT_EQ(Roles{has}.Has(needed), may) << NameOf(has) << " " << NameOf(needed);
      const Identity identity{"x", {has}, {}};
      EXPECT_EQ(ReasonOf(CheckCall(identity, {{needed}}, "S/M")), may ? "OK" : "ROLE_MISSING");
    }
  }
}

TEST(CheckCall, AnyOfTheRolesWillDoAndTheErrorNamesThem) {
  const CallRule rule{{Role::kWriter, Role::kOperator}};
  EXPECT_TRUE(CheckCall({"x", {Role::kOperator}, {}}, rule, "S/M").ok());
  const absl::Status refused = CheckCall({"backup", {Role::kReader}, {}}, rule, "S/M");
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("S/M needs the role writer or operator; the identity 'backup' has reader"));
}

TEST(CheckCall, WhatCannotKeepLimitsIsRefusedToTheLimited) {
  const Identity limited = Limited({.user_ids = {"ada"}});
  EXPECT_TRUE(CheckCall(limited, {{Role::kReader}, true}, "S/M").ok());
  const absl::Status refused = CheckCall(limited, {{Role::kReader}, false}, "S/M");
  EXPECT_EQ(ReasonOf(refused), "OUTSIDE_LIMITS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("limited to user ids ada"));
}

AppendBatch BatchOf(const std::string& aggregate_type, const std::string& user, const std::string& type) {
  AppendBatch batch;
  for (int i = 0; i < 2; ++i) {
    Append append;
    append.aggregate_type = "order";
    append.events.resize(2);
    for (auto& event : append.events) {
      event.user_id = "ada";
      event.event_type = "order.paid";
    }
    batch.appends.push_back(append);
  }
  batch.appends[1].aggregate_type = aggregate_type;
  batch.appends[1].events[1].user_id = user;
  batch.appends[1].events[1].event_type = type;
  return batch;
}

TEST(CheckAppend, EveryEventHasToBeWithinEachLimit) {
  const Identity identity = Limited({{"order"}, {"ada", "bob"}, {"invoice.sent"}, {"order."}});
  const auto field = [&](const AppendBatch& batch) { return FieldOf(CheckAppend(identity, batch)); };
  EXPECT_TRUE(CheckAppend(identity, BatchOf("order", "bob", "invoice.sent")).ok());
  EXPECT_EQ(field(BatchOf("user", "ada", "order.paid")), "appends[1].aggregate_type");
  EXPECT_EQ(field(BatchOf("order", "eve", "order.paid")), "appends[1].events[1].user_id");
  EXPECT_EQ(field(BatchOf("order", "", "order.paid")), "appends[1].events[1].user_id");
  EXPECT_EQ(field(BatchOf("order", "ada", "invoice.sent.twice")), "appends[1].events[1].event_type");
  EXPECT_EQ(field(BatchOf("order", "ada", "order")), "appends[1].events[1].event_type");
  EXPECT_TRUE(CheckAppend(Limited({}), BatchOf("user", "eve", "x")).ok());
  AppendBatch single = BatchOf("order", "eve", "order.paid");
  single.appends.erase(single.appends.begin());
  single.single = true;
  EXPECT_EQ(field(single), "events[1].user_id");
}

TEST(Narrow, AnOpenFilterBecomesWhatMayBeRead) {
  const Identity identity = Limited({{"order"}, {"ada"}, {"invoice.sent"}, {"order."}});
  EventFilter filter;
  ASSERT_TRUE(Narrow(identity, filter).ok());
  EXPECT_THAT(filter.aggregate_types, ElementsAre("order"));
  EXPECT_THAT(filter.user_ids, ElementsAre("ada"));
  EXPECT_THAT(filter.event_types, ElementsAre("invoice.sent"));
  EXPECT_THAT(filter.event_type_prefixes, ElementsAre("order."));
  EventFilter open;
  ASSERT_TRUE(Narrow(Limited({}), open).ok());
  EXPECT_EQ(open, EventFilter{});
}

TEST(Narrow, WhatIsAskedForStaysAsItIsOrIsRefused) {
  const Identity identity = Limited({{"order", "cart"}, {"ada", "bob"}, {"invoice.sent"}, {"order."}});
  EventFilter good;
  good.aggregate_types = {"cart"};
  good.user_ids = {"bob"};
  good.event_types = {"invoice.sent", "order.paid"};
  good.event_type_prefixes = {"order.p", "order."};
  EventFilter same = good;
  ASSERT_TRUE(Narrow(identity, same).ok());
  EXPECT_EQ(same, good);
  // One type named: that alone, not the prefixes besides.
  EventFilter one;
  one.event_types = {"order.paid"};
  ASSERT_TRUE(Narrow(identity, one).ok());
  EXPECT_THAT(one.event_type_prefixes, IsEmpty());

  const auto refused = [&](auto change) {
    EventFilter filter = good;
    change(filter);
    return FieldOf(Narrow(identity, filter));
  };
  EXPECT_EQ(refused([](auto& f) { f.aggregate_types = {"cart", "user"}; }), "filter.aggregate_types");
  EXPECT_EQ(refused([](auto& f) { f.user_ids.emplace_back("eve"); }), "filter.user_ids");
  EXPECT_EQ(refused([](auto& f) { f.event_types.emplace_back("invoice.paid"); }), "filter.event_types");
  EXPECT_EQ(refused([](auto& f) { f.event_type_prefixes = {"ord"}; }), "filter.event_type_prefixes");
  EXPECT_EQ(refused([](auto& f) { f.event_type_prefixes = {"invoice.sent"}; }), "filter.event_type_prefixes");
}

// What narrowing promises, over every small limit and filter: what matches afterwards is what matched before and may be read.
TEST(Narrow, NeverLetsThroughWhatMayNotBeRead) {
  const std::vector<std::vector<std::string>> lists = {{}, {"a"}, {"b"}, {"a", "b"}};
  const std::vector<std::vector<std::string>> types = {{}, {"ax"}, {"bx"}};
  const std::vector<std::vector<std::string>> prefixes = {{}, {"a"}, {"ax"}};
  std::vector<RecordedEvent> events;
  for (const char* kind : {"a", "b"}) {
    for (const char* user : {"a", "b", ""}) {
      for (const char* type : {"a", "ax", "ay", "bx"}) events.push_back(EventOf(kind, user, type));
    }
  }
  int narrowed = 0;
  int refused = 0;
  for (const auto& kinds : lists) {
    for (const auto& users : lists) {
      for (const auto& may_types : types) {
        for (const auto& may_prefixes : prefixes) {
          const Identity identity = Limited({kinds, users, may_types, may_prefixes});
          for (const auto& asked_kinds : lists) {
            for (const auto& asked_users : lists) {
              for (const auto& asked_types : types) {
                for (const auto& asked_prefixes : prefixes) {
                  EventFilter filter;
                  filter.aggregate_types = asked_kinds;
                  filter.user_ids = asked_users;
                  filter.event_types = asked_types;
                  filter.event_type_prefixes = asked_prefixes;
                  const EventFilter before = filter;
                  if (!Narrow(identity, filter).ok()) {
                    ++refused;
                    continue;
                  }
                  ++narrowed;
                  for (const auto& event : events) {
                    ASSERT_EQ(Matches(filter, event), Matches(before, event) && CheckEvent(identity, event).ok());
                  }
                }
              }
            }
          }
        }
      }
    }
  }
  EXPECT_GT(narrowed, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(Narrow, OfAUserACountAndACorrelation) {
  const Identity identity = Limited({{"order"}, {"ada"}, {}, {"order."}});
  UserQuery user;
  user.user_id = "ada";
  ASSERT_TRUE(Narrow(identity, user).ok());
  EXPECT_THAT(user.aggregate_types, ElementsAre("order"));
  EXPECT_THAT(user.event_type_prefixes, ElementsAre("order."));
  user.user_id = "eve";
  EXPECT_EQ(FieldOf(Narrow(identity, user)), "user_id");
  CountQuery count;
  ASSERT_TRUE(Narrow(identity, count).ok());
  EXPECT_THAT(count.filter.user_ids, ElementsAre("ada"));
  EXPECT_THAT(count.filter.event_type_prefixes, ElementsAre("order."));
  CorrelationQuery correlation;
  ASSERT_TRUE(Narrow(identity, correlation).ok());
  EXPECT_THAT(correlation.filter.aggregate_types, ElementsAre("order"));
  EXPECT_EQ(ReasonOf(CheckTimeline(identity)), "OUTSIDE_LIMITS");
  EXPECT_TRUE(CheckTimeline(Limited({})).ok());
}

TEST(CheckEvent, SaysNothingOfWhatTheEventHas) {
  const Identity identity = Limited({{"order"}, {}, {}, {}});
  EXPECT_TRUE(CheckEvent(identity, EventOf("order", "eve", "x")).ok());
  const absl::Status refused = CheckEvent(identity, EventOf("secret-type", "secret-user", "secret.event"));
  EXPECT_EQ(ReasonOf(refused), "OUTSIDE_LIMITS");
  const Error error = FromStatus(refused);
  EXPECT_THAT(error.message, ::testing::Not(HasSubstr("secret")));
  for (const auto& [key, value] : error.metadata) EXPECT_THAT(value, ::testing::Not(HasSubstr("secret")));
}

TEST(CheckRun, DroppingIsAnAdmins) {
  const Identity op{"op", {Role::kOperator}, {}};
  const auto run = [](const char* task, bool dry_run) { return RunRequest{task, dry_run, {}, {}, {}}; };
  EXPECT_TRUE(CheckRun(op, run("verify-sample", false)).ok());
  EXPECT_TRUE(CheckRun(op, run("retention", true)).ok());
  EXPECT_EQ(ReasonOf(CheckRun(op, run("retention", false))), "ROLE_MISSING");
  EXPECT_EQ(ReasonOf(CheckRun(op, run("record-retention", false))), "ROLE_MISSING");
  EXPECT_TRUE(CheckRun({"root", {Role::kAdmin}, {}}, run("retention", false)).ok());
}

}  // namespace
}  // namespace eventstore::domain::access
