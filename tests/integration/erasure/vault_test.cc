#include "server/erasure/vault.h"

#include <sys/stat.h>

#include <fstream>
#include <future>
#include <map>
#include <thread>

#include "server/erasure/rule_file.h"
#include "server/storage/cursor_aggregate.h"
#include "tests/integration/erasure/erasure_fixture.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/instance.h"
#include "tests/support/temp_dir.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using erasure::Vault;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRules[] = R"(
[[rule]]
event_types = "customer.*"
data = ["/email", "/addresses/*/street"]
metadata = "/ip"
[[rule]]
event_types = "order.placed"
data = ["/shipping", "/customer"]
subject = "/customer"
)";

class VaultTest : public ErasureTest {
 protected:
  std::unique_ptr<Vault> MakeVault() {
    auto rules = erasure::ParseRuleFile(kRules);
    EXPECT_THAT(rules, IsOk());
    return std::make_unique<Vault>(*std::move(rules), Ring());
  }

  static domain::NewEvent Customer(std::uint64_t id, const std::string& data, const std::string& user = "ada",
                                   const std::string& type = "customer.born") {
    domain::NewEvent event = Event(id, data);
    event.event_type = type;
    event.user_id = user;
    return event;
  }

  static absl::Status Seal(Vault& vault, domain::AppendBatch& batch) {
    domain::AppendBatch* const one = &batch;
    return vault.Seal({&one, 1}).front();
  }

  // As it is stored, or as it was refused.
  absl::StatusOr<domain::NewEvent> Sealed(Vault& vault, const domain::NewEvent& event) {
    auto batch = One(Id(1), VersionCheck::Any(), {event});
    if (absl::Status sealed = Seal(vault, batch); !sealed.ok()) return sealed;
    return batch.appends[0].events[0];
  }

  static std::string Opened(Vault& vault, const domain::Uuid& id, std::string data, std::string metadata = "{}") {
    const storage::EventVault::Contents one{&id, &data, &metadata};
    EXPECT_THAT(vault.Open(std::span(&one, 1)), IsOk());
    return metadata == "{}" ? data : data + metadata;
  }

  // As jsonb prints it.
  std::string AsStored(const std::string& json) {
    auto rows = session_.RunText("SELECT $1::jsonb::text", {json});
    EXPECT_THAT(rows, IsOk());
    return (*rows)[0][0].c_str();
  }
};

TEST_F(VaultTest, NamedFieldsAreSealedAndOpenedAndTheRestIsLeftAlone) {
  const auto vault = MakeVault();
  auto event = Customer(
      1, R"({"email" : "ada@example.org","n":1.50, "addresses":[{"street":"Main 1","zip":"1"},{"street":null}]})");
  event.metadata = R"({"ip":"10.0.0.1","trace":"t"})";
  const auto sealed = Sealed(*vault, event);
  ASSERT_THAT(sealed, IsOk());
  for (const auto* secret : {"ada@", "Main", "10.0.0.1"}) {
    EXPECT_THAT(sealed->data + sealed->metadata, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(sealed->data, AllOf(HasSubstr(R"("n":1.50)"), HasSubstr(R"("zip":"1")")));
  EXPECT_EQ(Opened(*vault, event.id, AsStored(sealed->data), AsStored(sealed->metadata)),
            AsStored(event.data) + AsStored(event.metadata));
}

TEST_F(VaultTest, WhatNoRuleNamesIsNotTouched) {
  const auto vault = MakeVault();
  for (const auto& [type, data] : std::map<std::string, std::string>{{"cart.filled", R"({ "email":"x" })"},
                                                                     {"customer.born", R"({ "mail":"x" })"}}) {
    auto event = Customer(1, data, "ada", type);
    EXPECT_EQ(Sealed(*vault, event)->data, data);
  }
  EXPECT_EQ(Text("SELECT count(*) FROM subject_keys"), "0");
}

TEST_F(VaultTest, TheSubjectMayStandInTheData) {
  const auto vault = MakeVault();
  const auto event = Customer(1, R"({"customer":"customer 7","shipping":{"name":"Ada"}})", "clerk", "order.placed");
  const auto sealed = Sealed(*vault, event);
  ASSERT_THAT(sealed, IsOk());
  EXPECT_THAT(sealed->data, Not(HasSubstr("customer 7")));
  EXPECT_EQ(Text("SELECT subject FROM subject_keys"), "customer 7");
  Erase(vault->keys(), "customer 7");
  EXPECT_EQ(Opened(*vault, event.id, AsStored(sealed->data)),
            AsStored(R"({"customer":{"$erased":true},"shipping":{"$erased":true}})"));
}

TEST_F(VaultTest, WithoutASubjectAnEventIsRefusedAndItsNeighboursAreNot) {
  const auto vault = MakeVault();
  EXPECT_THAT(Sealed(*vault, Customer(1, R"({"email":"x"})", "")),
              AllOf(HasReason(Reason::kInvalidRequest), HasMessage(HasSubstr("events[0].user_id"))));
  EXPECT_THAT(Sealed(*vault, Customer(1, R"({"shipping":1})", "ada", "order.placed")),
              HasMessage(HasSubstr("events[0].data")));
  EXPECT_THAT(
      Sealed(*vault, Customer(1, R"({"shipping":1,"customer":")" + std::string(201, 'x') + "\"}", "", "order.placed")),
      HasReason(Reason::kLimitExceeded));
  auto bad = Several({AppendOf(Id(1), VersionCheck::Any(), {Customer(1, "{}"), Customer(2, R"({"email":1})", "")})});
  auto good = One(Id(2), VersionCheck::Any(), {Customer(3, R"({"email":1})")});
  std::vector<domain::AppendBatch*> both{&bad, &good};
  const auto sealed = vault->Seal(both);
  EXPECT_THAT(sealed[0], HasMessage(HasSubstr("appends[0].events[1].user_id")));
  EXPECT_THAT(sealed[1], IsOk());
  EXPECT_THAT(good.appends[0].events[0].data, HasSubstr("$encrypted"));
}

TEST_F(VaultTest, ErasedIsShownAsThat) {
  const auto vault = MakeVault();
  const auto other = MakeVault();
  const auto ada = Customer(1, R"({"email":"a","n":1})");
  const auto bob = Customer(2, R"({"email":"b","n":2})", "bob");
  const auto sealed_ada = Sealed(*vault, ada);
  const auto sealed_bob = Sealed(*vault, bob);
  Erase(vault->keys(), "ada");
  EXPECT_EQ(Opened(*vault, ada.id, AsStored(sealed_ada->data)), AsStored(R"({"email":{"$erased":true},"n":1})"));
  EXPECT_EQ(Opened(*vault, bob.id, AsStored(sealed_bob->data)), AsStored(bob.data));
  EXPECT_THAT(Sealed(*vault, ada), AllOf(HasReason(Reason::kSubjectErased), HasMessage(HasSubstr("events[0]"))));
  EXPECT_THAT(Sealed(*vault, Customer(3, R"({"n":1})")), IsOk());
  EXPECT_THAT(Sealed(*vault, bob), IsOk());
}

TEST_F(VaultTest, ACiphertextOpensInItsPlaceAlone) {
  const auto vault = MakeVault();
  const auto event = Customer(1, R"({"email":"secret"})");
  const std::string stored = AsStored(Sealed(*vault, event)->data);
  const std::string envelope = stored.substr(stored.find(R"({"$)"), stored.size() - 1 - stored.find(R"({"$)"));
  // In another event, under another name, in the metadata: it stays as it is.
  EXPECT_EQ(Opened(*vault, Id(2), stored), stored);
  const std::string moved = R"({"mail": )" + envelope + "}";
  EXPECT_EQ(Opened(*vault, event.id, moved), moved);
  EXPECT_EQ(Opened(*vault, event.id, "{}", stored), "{}" + stored);
  EXPECT_EQ(Opened(*vault, event.id, stored), AsStored(event.data));
}

TEST_F(VaultTest, WhatLooksLikeOneIsLeftOrSealedLikeAnyOther) {
  const auto vault = MakeVault();
  const std::string strange =
      R"({"a": {"$encrypted": "1.00000000-0000-7000-8000-000000000009.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA=="}, "b": {"$encrypted": "x"}, "c": {"$encrypted": 1}, "d": "\"$encrypted\""})";
  EXPECT_EQ(Opened(*vault, Id(1), strange), strange);
  const auto event = Customer(1, R"({"email": {"$encrypted": "x"}})");
  EXPECT_EQ(Opened(*vault, event.id, AsStored(Sealed(*vault, event)->data)), event.data);
}

TEST_F(VaultTest, ARepeatIsRecognisedAndAnotherContentIsNot) {
  const auto vault = MakeVault();
  storage::ChunkCatalog chunks;
  const domain::SystemClock clock;
  storage::ReadExecutor readers(database_.conninfo(), 1, 64, clock);
  storage::AppenderOptions options;
  options.vault = vault.get();
  storage::Appender appender(options, database_.conninfo(), 2, chunks, readers, clock,
                             [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); });
  const auto append = [&](const std::string& email, VersionCheck check) {
    std::promise<AppendAnswer> answered;
    appender.Append(One(Id(1), check, {Customer(1, R"({"email":")" + email + "\"}")}),
                    clock.Monotonic() + std::chrono::minutes{1}, nullptr,
                    [&](AppendAnswer answer) { answered.set_value(std::move(answer)); });
    return answered.get_future().get();
  };
  const auto first = append("a", VersionCheck::Exact(0));
  ASSERT_THAT(first, IsOk());
  const auto repeated = append("a", VersionCheck::Exact(0));
  ASSERT_THAT(repeated, IsOk());
  EXPECT_EQ(repeated->front().events, first->front().events);
  EXPECT_THAT(append("b", VersionCheck::Exact(0)), HasReason(Reason::kEventIdConflict));
  // Older than the window in which ids are looked for: found by the version.
  database_.EnsureDays(-3, 0);
  database_.Execute(
      "WITH gone AS (DELETE FROM events_v2 RETURNING *) "
      "INSERT INTO events_v2 SELECT id, timestamp - interval '2 days', aggregate_id, aggregate_type, event_type, "
      "user_id, "
      "data, metadata, version, causation_id, correlation_id, source, global_position FROM gone; "
      "UPDATE aggregate_heads SET first_timestamp = first_timestamp - interval '2 days', "
      "last_timestamp = last_timestamp - interval '2 days'");
  const auto late = append("a", VersionCheck::Exact(0));
  ASSERT_THAT(late, IsOk());
  EXPECT_EQ(late->front().version, 1);
  Erase(vault->keys(), "ada");
  EXPECT_THAT(append("a", VersionCheck::Exact(0)), HasReason(Reason::kSubjectErased));
  EXPECT_EQ(Text("SELECT count(*) FROM events_v2"), "1");
  EXPECT_EQ(Text("SELECT count(*) FROM events_v2 WHERE data::text LIKE '%$encrypted%'"), "1");
}

TEST_F(VaultTest, NothingThatWasSealedBesideAnErasureIsReadableAfterIt) {
  const auto here = MakeVault();
  const auto there = MakeVault();
  constexpr std::uint64_t kKept = 2'000;  // the first and the last of so many
  for (int round = 0; round < 6; ++round) {
    const std::string user = "user " + std::to_string(round);
    std::atomic<bool> erased = false;
    std::vector<domain::NewEvent> sealed;
    std::thread writer([&] {
      const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes{2};
      for (std::uint64_t i = 1; std::chrono::steady_clock::now() < patience; ++i) {
        auto event = Sealed(*there, Customer(i, R"({"email":"a"})", user));
        if (!event.ok()) {
          EXPECT_THAT(event, HasReason(Reason::kSubjectErased));
          EXPECT_TRUE(erased);
          return;
        }
        if (sealed.size() < 2 * kKept) {
          sealed.push_back(*std::move(event));
        } else {
          sealed[kKept + i % kKept] = *std::move(event);
        }
      }
      ADD_FAILURE() << "the other server never noticed";
    });
    // Sometimes before the first key, sometimes behind it.
    if (round % 2 == 1) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    erased = true;
    Erase(here->keys(), user);
    writer.join();
    for (const auto& event : sealed) {
      EXPECT_EQ(Opened(*here, event.id, event.data), R"({"email":{"$erased": true}})");
      EXPECT_EQ(Opened(*there, event.id, event.data), R"({"email":{"$erased": true}})");
    }
  }
}

TEST_F(VaultTest, StartsOnlyWithWhatItNeeds) {
  const TempDir folder;
  const std::string rules = folder.path() + "/rules.toml";
  const std::string key = folder.path() + "/master.key";
  std::ofstream(rules) << kRules;
  std::ofstream(key) << std::string(64, 'a');
  ASSERT_EQ(chmod(key.c_str(), 0600), 0);
  const auto start = [&](const std::string& key_file, const std::string& rule_file) {
    return Vault::Start({key_file, rule_file}, database_.conninfo(), clock_, ids_);
  };
  const auto off = start("", "");
  ASSERT_THAT(off, IsOk());
  EXPECT_EQ(*off, nullptr);
  EXPECT_THAT(start("", rules), HasMessage(HasSubstr("erasure_rules needs erasure_master_key_file")));
  EXPECT_THAT(start(key, "/nowhere"), HasMessage(HasSubstr("/nowhere")));
  EXPECT_EQ(Text("SELECT count(*) FROM erasure_state"), "0");
  {
    const auto on = start(key, rules);
    ASSERT_THAT(on, IsOk());
    EXPECT_EQ((*on)->rules(), 2U);
  }
  EXPECT_THAT(start("", ""),
              AllOf(HasReason(Reason::kStoreIncompatible), HasMessage(HasSubstr("this server has no master key"))));
  EXPECT_THAT(start(key, ""), IsOk());
}

}  // namespace
}  // namespace eventstore::testing
