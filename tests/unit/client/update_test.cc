// Read, decide, append: against a fake of one aggregate that checks versions and recognises repeated ids.
#include "eventstore/update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/fake_event_store.h"

namespace eventstore::client {

// One aggregate in memory, with the store's rules of versions and repeats.
class FakeAggregate : public v1::EventStore::Service {
 public:
  void Add(const std::string& type) {
    v1::RecordedEvent event;
    event.set_id(MakeUuidV7());
    event.set_event_type(type);
    Record(event);
  }

  grpc::Status GetAggregateStream(grpc::ServerContext* /*context*/, const v1::GetAggregateStreamRequest* request,
                                  grpc::ServerWriter<v1::GetAggregateStreamResponse>* writer) override {
    read_from.push_back(request->from_version());
    v1::GetAggregateStreamResponse page;
    page.set_current_version(static_cast<int>(events.size()));
    for (const auto& event : events) {
      if (event.version() >= std::max(request->from_version(), first_stored)) *page.add_events() = event;
    }
    writer->Write(page);
    return grpc::Status::OK;
  }

  grpc::Status Append(grpc::ServerContext* /*context*/, const v1::AppendRequest* request,
                      v1::AppendResponse* response) override {
    if (before_append) before_append();
    const int current = static_cast<int>(events.size());
    const bool repeat = current > 0 && events.back().id() == request->events(request->events_size() - 1).id();
    if (!repeat && request->expected_version() != current) {
      return ErrorMaker(grpc::ABORTED, "conflict")
          .Reason("VERSION_CONFLICT", {{"actual_version", std::to_string(current)}})
          .Grpc();
    }
    if (!repeat) {
      for (const auto& event : request->events()) {
        v1::RecordedEvent recorded;
        recorded.set_id(event.id());
        recorded.set_event_type(event.event_type());
        Record(recorded);
      }
    }
    if (lose_next_answer) {
      lose_next_answer = false;
      return {grpc::StatusCode::UNAVAILABLE, "connection lost"};
    }
    response->set_version(static_cast<int>(events.size()));
    for (int i = events.size() - request->events_size(); i < static_cast<int>(events.size()); ++i) {
      auto* appended = response->add_events();
      appended->set_id(events[i].id());
      appended->set_version(events[i].version());
    }
    return grpc::Status::OK;
  }

  std::vector<std::string> Types() const {
    std::vector<std::string> types;
    for (const auto& event : events) types.push_back(event.event_type());
    return types;
  }

  std::vector<v1::RecordedEvent> events;
  std::vector<int> read_from;
  std::function<void()> before_append;
  bool lose_next_answer = false;
  int first_stored = 1;

 private:
  void Record(v1::RecordedEvent event) {
    event.set_version(static_cast<int>(events.size()) + 1);
    events.push_back(event);
  }
};

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class UpdateTest : public testing::Test {
 protected:
  using Seen = std::vector<std::string>;
  using Decision = absl::StatusOr<std::vector<v1::NewEvent>>;

  static void Note(Seen& seen, const v1::RecordedEvent& event) { seen.push_back(event.event_type()); }

  // Runs an update whose decision is one event "mine"; keeps what each decision was made on.
  absl::StatusOr<UpdateResult> UpdateMine(const UpdateOptions& options = {}) {
    return Update(
        server_.MakeClient(), kAggregate, Seen{}, Note,
        [&](const Seen& seen) -> Decision {
          decided_on_.push_back(seen);
          return std::vector{MakeEvent("mine")};
        },
        options);
  }

  const Aggregate kAggregate{"a", "entity"};
  FakeAggregate fake_;
  FakeServer server_{&fake_};
  std::vector<Seen> decided_on_;
};

TEST_F(UpdateTest, DecidesOnTheFoldedEvents) {
  fake_.Add("one");
  fake_.Add("two");
  const auto result = UpdateMine();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->version, 3);
  EXPECT_EQ(result->decisions, 1);
  ASSERT_THAT(result->appended, SizeIs(1));
  EXPECT_EQ(result->appended[0].version(), 3);
  EXPECT_THAT(decided_on_, ElementsAre(Seen{"one", "two"}));
  EXPECT_THAT(fake_.Types(), ElementsAre("one", "two", "mine"));
}

TEST_F(UpdateTest, ConflictReadsOnlyWhatIsNewAndDecidesAgain) {
  fake_.Add("one");
  int rivals = 2;
  fake_.before_append = [&] {
    if (rivals-- > 0) fake_.Add("rival");
  };
  const auto result = UpdateMine();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->version, 4);
  EXPECT_EQ(result->decisions, 3);
  EXPECT_THAT(decided_on_, ElementsAre(Seen{"one"}, Seen{"one", "rival"}, Seen{"one", "rival", "rival"}));
  EXPECT_THAT(fake_.read_from, ElementsAre(1, 2, 3));
  EXPECT_THAT(fake_.Types(), ElementsAre("one", "rival", "rival", "mine"));
}

TEST_F(UpdateTest, GivesUpWithTheConflict) {
  fake_.before_append = [&] { fake_.Add("rival"); };
  const auto result = UpdateMine({.max_decisions = 3});
  ASSERT_FALSE(result.ok());
  const auto conflict = AsVersionConflict(result.status());
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->conflicts[0].actual, 3);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("after 3 decisions"));
  EXPECT_THAT(decided_on_, SizeIs(3));
  EXPECT_THAT(fake_.Types(), ElementsAre("rival", "rival", "rival"));
}

TEST_F(UpdateTest, ALostAnswerIsNoSecondDecision) {
  fake_.lose_next_answer = true;
  const auto result = UpdateMine();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->decisions, 1);
  EXPECT_THAT(fake_.Types(), ElementsAre("mine"));
}

TEST_F(UpdateTest, ARefusalIsReturnedAsItIs) {
  fake_.Add("one");
  const auto result = Update(server_.MakeClient(), kAggregate, Seen{}, Note,
                             [](const Seen&) -> Decision { return absl::OutOfRangeError("too little money"); });
  EXPECT_EQ(result.status(), absl::OutOfRangeError("too little money"));
  EXPECT_THAT(fake_.Types(), ElementsAre("one"));
}

TEST_F(UpdateTest, NoEventsAppendNothing) {
  fake_.Add("one");
  fake_.before_append = [] { FAIL() << "nothing should be appended"; };
  const auto result = Update(server_.MakeClient(), kAggregate, Seen{}, Note,
                             [](const Seen&) -> Decision { return std::vector<v1::NewEvent>(); });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->version, 1);
  EXPECT_THAT(result->appended, IsEmpty());
}

TEST_F(UpdateTest, StartsFromASnapshot) {
  for (const char* type : {"one", "two", "three"}) fake_.Add(type);
  fake_.first_stored = 3;
  const auto result = UpdateMine({.initial_version = 2});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->version, 4);
  EXPECT_THAT(decided_on_, ElementsAre(Seen{"three"}));
}

TEST_F(UpdateTest, AMissingBeginningIsNotDecidedOn) {
  for (const char* type : {"one", "two", "three"}) fake_.Add(type);
  fake_.first_stored = 3;
  EXPECT_EQ(UpdateMine().status().code(), absl::StatusCode::kFailedPrecondition);
  fake_.first_stored = 4;  // nothing at all is stored any more
  EXPECT_EQ(UpdateMine().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(decided_on_, IsEmpty());
}

TEST_F(UpdateTest, TheTimeoutIsForEverything) {
  fake_.before_append = [&] {
    fake_.Add("rival");
    const std::lock_guard lock(server_.time.mutex);
    server_.time.now += std::chrono::seconds(4);
  };
  const auto result = UpdateMine({.max_decisions = 1'000, .timeout = std::chrono::seconds(10)});
  EXPECT_TRUE(AsVersionConflict(result.status()));
  EXPECT_THAT(decided_on_, SizeIs(3));
}

}  // namespace
}  // namespace eventstore::client
