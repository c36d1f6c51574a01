#include "server/erasure/key_ring.h"

#include <algorithm>
#include <future>
#include <set>
#include <thread>
#include <vector>

#include "tests/integration/erasure/erasure_fixture.h"
#include "tests/integration/store/eventually.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using erasure::KeyRing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using KeyRingTest = ErasureTest;

TEST_F(KeyRingTest, EveryServerHasTheSameKeyOfASubject) {
  const auto one = Ring();
  const auto other = Ring();
  const auto key = Of(*one, "ada");
  ASSERT_TRUE(key);
  const auto envelope = key->Seal("1", "here");
  EXPECT_EQ(Of(*other, "ada")->Open(envelope, "here"), "1");
  const auto by_id = other->ById({key->id()});
  ASSERT_THAT(by_id, IsOk());
  EXPECT_EQ(by_id->at(key->id())->Open(envelope, "here"), "1");
  EXPECT_NE(Of(*one, "bob")->id(), key->id());
}

TEST_F(KeyRingTest, OfManyThatMakeAKeyOneMakesIt) {
  std::vector<std::unique_ptr<KeyRing>> rings;
  for (int i = 0; i < 4; ++i) rings.push_back(Ring());
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::string> subjects{std::to_string(round), "a" + std::to_string(round), "b"};
    std::vector<std::future<std::set<domain::Uuid>>> made;
    for (const auto& ring : rings) {
      made.push_back(std::async(std::launch::async, [&ring, subjects] {
        std::set<domain::Uuid> ids;
        auto found = ring->Of(subjects);
        EXPECT_THAT(found, IsOk());
        for (const auto& subject : subjects) ids.insert(found->at(subject)->id());
        return ids;
      }));
    }
    const auto first = made.front().get();
    EXPECT_EQ(first.size(), 3U);
    for (std::size_t i = 1; i < made.size(); ++i) EXPECT_EQ(made[i].get(), first);
  }
}

TEST_F(KeyRingTest, TheDatabaseHoldsNoKeyThatOpens) {
  const auto ring = Ring();
  const auto key = Of(*ring, "ada");
  const std::string wrapped = Text("SELECT encode(wrapped, 'hex') FROM subject_keys");
  EXPECT_TRUE(Master().Unwrap(wrapped, key->id(), "ada"));
  EXPECT_FALSE(Master('b').Unwrap(wrapped, key->id(), "ada"));
}

TEST_F(KeyRingTest, AnErasedSubjectHasNoKeyAndGetsNone) {
  const auto ring = Ring();
  const auto id = Of(*ring, "ada")->id();
  const auto outcome = Erase(*ring, "ada");
  EXPECT_FALSE(outcome.was_erased);
  EXPECT_TRUE(outcome.key_created_at);
  ASSERT_TRUE(outcome.erasure);
  EXPECT_EQ(outcome.erasure->number, 1);
  EXPECT_EQ(outcome.erasure->key_id, id);
  EXPECT_EQ(outcome.erasure->erased_by, "tester");
  EXPECT_EQ(outcome.erasure->reason, "asked to");
  // This server has forgotten it at once.
  EXPECT_EQ(Of(*ring, "ada"), nullptr);
  const auto by_id = ring->ById({id});
  ASSERT_THAT(by_id, IsOk());
  ASSERT_TRUE(by_id->contains(id));
  EXPECT_EQ(by_id->at(id), nullptr);
  EXPECT_EQ(Text("SELECT wrapped IS NULL AND erased_at IS NOT NULL FROM subject_keys"), "t");
}

TEST_F(KeyRingTest, WhoNeverHadAKeyGetsNoneEither) {
  const auto ring = Ring();
  const auto outcome = Erase(*ring, "ada");
  EXPECT_FALSE(outcome.key_created_at);
  EXPECT_FALSE(outcome.erasure->key_id);
  EXPECT_EQ(Of(*ring, "ada"), nullptr);
}

TEST_F(KeyRingTest, ErasedAgainIsTheSameErasure) {
  const auto ring = Ring();
  Of(*ring, "ada");
  const auto first = Erase(*ring, "ada");
  const auto again = Erase(*ring, "ada");
  EXPECT_TRUE(again.was_erased);
  EXPECT_EQ(again.erasure->number, first.erasure->number);
  EXPECT_EQ(again.erasure->erased_at, first.erasure->erased_at);
  EXPECT_EQ(Erase(*ring, "bob").erasure->number, 2);
}

TEST_F(KeyRingTest, ADryRunChangesNothing) {
  const auto ring = Ring();
  EXPECT_FALSE(Erase(*ring, "ada", true).key_created_at);
  Of(*ring, "ada");
  const auto dry = Erase(*ring, "ada", true);
  EXPECT_TRUE(dry.key_created_at);
  EXPECT_FALSE(dry.erasure);
  EXPECT_FALSE(dry.was_erased);
  EXPECT_TRUE(Of(*ring, "ada"));
  EXPECT_EQ(Text("SELECT count(*) FROM erasures"), "0");
  Erase(*ring, "ada");
  EXPECT_TRUE(Erase(*ring, "ada", true).was_erased);
}

TEST_F(KeyRingTest, AnotherServerForgetsAfterTheTimeThatItTrusts) {
  const auto here = Ring();
  const auto there = Ring(still_);
  ASSERT_TRUE(Of(*there, "ada"));
  Erase(*here, "ada");
  // It has not asked since.
  EXPECT_TRUE(Of(*there, "ada"));
  still_.Advance(KeyRing::kTrust);
  EXPECT_EQ(Of(*there, "ada"), nullptr);
}

TEST_F(KeyRingTest, AnotherServerForgetsWhenItAsks) {
  const auto here = Ring();
  const auto there = Ring(still_);
  const auto id = Of(*there, "ada")->id();
  Of(*there, "bob");
  Erase(*here, "ada");
  still_.Advance(KeyRing::kPause);
  EXPECT_TRUE(Eventually([&] { return Of(*there, "ada") == nullptr; }));
  EXPECT_TRUE(Of(*there, "bob"));
  const auto by_id = there->ById({id});
  ASSERT_THAT(by_id, IsOk());
  EXPECT_EQ(by_id->at(id), nullptr);
}

TEST_F(KeyRingTest, WhoCannotAskOpensNothing) {
  const auto ring = Ring(still_);
  const auto id = Of(*ring, "ada")->id();
  database_.Execute("ALTER TABLE subject_keys RENAME TO away");
  EXPECT_THAT(ring->ById({id}), IsOk());
  still_.Advance(KeyRing::kTrust);
  EXPECT_FALSE(ring->ById({id}).ok());
  EXPECT_FALSE(ring->Of({"ada"}).ok());
  database_.Execute("ALTER TABLE away RENAME TO subject_keys");
  EXPECT_TRUE(Of(*ring, "ada"));
}

TEST_F(KeyRingTest, AConnectionThatDiedIsMadeAnew) {
  const auto ring = Ring();
  Of(*ring, "ada");
  database_.Execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'eventstored erasure%' "
      "AND datname = current_database()");
  EXPECT_TRUE(Of(*ring, "bob"));
}

TEST_F(KeyRingTest, ErasuresHaveNumbersWithoutAGap) {
  const auto ring = Ring();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      storage::Session session(database_.conninfo(), "eraser");
      // Each subject by all of them.
      for (int i = 0; i < 25; ++i) {
        EXPECT_THAT(ring->Erase(session, {std::to_string(i), "tester", "", false, false}), IsOk());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Text("SELECT count(*) || ' ' || min(number) || ' ' || max(number) FROM erasures"), "25 1 25");
  EXPECT_EQ(Text("SELECT erasures FROM erasure_state"), "25");
  const auto list = storage::ListErasures(session_, 20, 3);
  ASSERT_THAT(list, IsOk());
  EXPECT_EQ(list->erasures.size(), 3U);
  EXPECT_EQ(list->erasures.front().number, 21);
  EXPECT_TRUE(list->more);
}

TEST_F(KeyRingTest, AKeyThatIsMadeBesideAnErasureIsDestroyedOrNeverMade) {
  const auto here = Ring();
  const auto there = Ring();
  for (int i = 0; i < 50; ++i) {
    const std::string subject = std::to_string(i);
    auto made = std::async(std::launch::async, [&] { return there->Of({subject}); });
    Erase(*here, subject);
    EXPECT_THAT(made.get(), IsOk());
    EXPECT_EQ(Text("SELECT count(*) FROM subject_keys WHERE wrapped IS NOT NULL"), "0");
  }
}

TEST_F(KeyRingTest, ARestoredBackupBringsTheKeyBackUntilItIsErasedAgain) {
  const auto ring = Ring(still_);
  const auto id = Of(*ring, "ada")->id();
  database_.Execute("CREATE TABLE backup AS SELECT * FROM subject_keys");
  Erase(*Ring(), "ada");
  still_.Advance(KeyRing::kPause);
  ASSERT_TRUE(Eventually([&] { return Of(*ring, "ada") == nullptr; }));
  database_.Execute(
      "DELETE FROM erasures; UPDATE erasure_state SET erasures = 0; DELETE FROM subject_keys; "
      "INSERT INTO subject_keys SELECT * FROM backup");
  // The running server notices that the store went back.
  still_.Advance(KeyRing::kPause);
  ASSERT_TRUE(Eventually([&] { return Of(*ring, "ada") != nullptr; }));
  EXPECT_EQ(Of(*ring, "ada")->id(), id);
  EXPECT_FALSE(Erase(*ring, "ada").was_erased);
  EXPECT_EQ(Of(*ring, "ada"), nullptr);
}

TEST_F(KeyRingTest, AnotherMasterKeyIsRefusedAtTheStart) {
  Ring();
  EXPECT_THAT(KeyRing::Start(database_.conninfo(), Master('b'), clock_, ids_),
              AllOf(HasReason(Reason::kStoreIncompatible), HasMessage(HasSubstr(Master('a').Fingerprint())),
                    HasMessage(HasSubstr(Master('b').Fingerprint()))));
  Ring();
}

TEST_F(KeyRingTest, AKeyOfAnotherSubjectIsNone) {
  const auto ring = Ring(still_);
  const auto ada = Of(*ring, "ada")->id();
  Of(*ring, "bob");
  database_.Execute("UPDATE subject_keys SET wrapped = (SELECT wrapped FROM subject_keys WHERE subject = 'bob')");
  still_.Advance(KeyRing::kTrust);
  EXPECT_THAT(ring->Of({"ada"}), HasReason(Reason::kInternal));
  const auto by_id = ring->ById({ada});
  ASSERT_THAT(by_id, IsOk());
  EXPECT_THAT(*by_id, IsEmpty());
}

TEST_F(KeyRingTest, WaitsUntilNobodyUsesTheKey) {
  const auto ring = Ring(still_);
  std::promise<void> gone;
  auto told = gone.get_future();
  ring->WhenGone([&] { gone.set_value(); });
  still_.Advance(KeyRing::kTrust - std::chrono::milliseconds{1});
  EXPECT_EQ(told.wait_for(std::chrono::milliseconds{1'500}), std::future_status::timeout);
  still_.Advance(std::chrono::milliseconds{1});
  EXPECT_EQ(told.wait_for(std::chrono::minutes{1}), std::future_status::ready);
}

}  // namespace
}  // namespace eventstore::testing
