// Reads: pages become events, a broken stream goes on where it stopped, an abandoned one is cancelled.
#include "eventstore/event_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <utility>

#include "tests/unit/client/fake_event_store.h"

namespace eventstore::client {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const grpc::Status kGone(StatusCode::UNAVAILABLE, "gone");

// A page with events first, first + step, ... last, whose versions and positions are the same number.
template <typename Response>
Response PageOf(int first, int last, int current_version = 0) {
  Response page;
  const int step = first <= last ? 1 : -1;
  for (int version = first;; version += step) {
    auto* event = page.add_events();
    event->set_version(version);
    event->set_global_position(version);
    if (version == last) break;
  }
  if constexpr (requires { page.set_current_version(1); }) {
    page.set_current_version(current_version);
    page.set_first_available_version(1);
  }
  return page;
}

// An answer of these pages and then `status`.
template <typename Response>
auto Pages(std::vector<Response> pages, grpc::Status status = grpc::Status::OK) {
  return [pages = std::move(pages), status = std::move(status)](grpc::ServerContext*, const auto&,
                                                                grpc::ServerWriter<Response>* writer) {
    for (const auto& page : pages) writer->Write(page);
    return status;
  };
}

struct Outcome {
  std::vector<int> versions;
  absl::Status status;
};

Outcome Drain(EventReader& reader) {
  Outcome outcome;
  for (const auto& event : reader) {
    if (event.ok()) {
      outcome.versions.push_back(event->version());
    } else {
      outcome.status = event.status();
    }
  }
  return outcome;
}

class EventReaderTest : public testing::Test {
 protected:
  using AggregatePage = v1::GetAggregateStreamResponse;
  using AllPage = v1::ReadAllResponse;
  using UserPage = v1::GetUserStreamResponse;
  using CorrelatedPage = v1::GetCorrelatedEventsResponse;

  FakeEventStore fake_;
  // Used by handlers, so they live until the server has gone.
  std::promise<void> entered_;
  std::promise<void> release_;
  std::promise<bool> ended_;
  FakeServer server_{&fake_};
};

TEST_F(EventReaderTest, PagesBecomeEvents) {
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(1, 3, 5), PageOf<AggregatePage>(4, 5, 5)}));
  auto reader = server_.MakeClient().ReadAggregate("a");
  const auto outcome = Drain(reader);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.versions, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(reader.current_version(), 5);
  EXPECT_EQ(reader.first_available_version(), 1);
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_EQ(fake_.aggregate.requests().at(0).aggregate_id(), "a");
}

TEST_F(EventReaderTest, UnknownAggregateIsEmpty) {
  fake_.aggregate.Then(Pages<AggregatePage>({AggregatePage()}));
  auto reader = server_.MakeClient().ReadAggregate("a");
  const auto outcome = Drain(reader);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_THAT(outcome.versions, IsEmpty());
  EXPECT_EQ(reader.current_version(), 0);
}

TEST_F(EventReaderTest, AggregateGoesOnAfterTheLastVersion) {
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(1, 3, 6)}, kGone));
  // Meanwhile the aggregate grew; this read still ends at 6.
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(4, 4, 9)}, kGone));
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(5, 6, 9)}));
  v1::GetAggregateStreamRequest request;
  request.set_max_events(100);
  auto reader = server_.MakeClient().ReadAggregate(request);
  const auto outcome = Drain(reader);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.versions, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(reader.current_version(), 6);
  const auto requests = fake_.aggregate.requests();
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_EQ(requests[1].from_version(), 4);
  EXPECT_EQ(requests[1].to_version(), 6);
  EXPECT_EQ(requests[1].max_events(), 97);
  EXPECT_EQ(requests[2].from_version(), 5);
  EXPECT_EQ(requests[2].max_events(), 96);
}

TEST_F(EventReaderTest, BackwardAggregateGoesOnBelowTheLastVersion) {
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(6, 4, 6)}, kGone));
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(3, 1, 6)}, kGone));
  v1::GetAggregateStreamRequest request;
  request.set_direction(v1::DIRECTION_BACKWARD);
  auto reader = server_.MakeClient().ReadAggregate(request);
  const auto outcome = Drain(reader);
  // The second break came after version 1: nothing was left, so it is no error and needs no third attempt.
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.versions, ElementsAre(6, 5, 4, 3, 2, 1));
  const auto requests = fake_.aggregate.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[1].to_version(), 3);
}

TEST_F(EventReaderTest, ABreakAfterTheLastWantedEventIsNoError) {
  fake_.aggregate.Then(Pages<AggregatePage>({PageOf<AggregatePage>(1, 4, 9)}, kGone));
  v1::GetAggregateStreamRequest by_limit;
  by_limit.set_max_events(4);
  auto reader = server_.MakeClient().ReadAggregate(by_limit);
  EXPECT_THAT(Drain(reader).versions, ElementsAre(1, 2, 3, 4));
  v1::GetAggregateStreamRequest by_version;
  by_version.set_to_version(4);
  auto second = server_.MakeClient().ReadAggregate(by_version);
  EXPECT_TRUE(Drain(second).status.ok());
  EXPECT_THAT(fake_.aggregate.requests(), SizeIs(2));
}

TEST_F(EventReaderTest, ReadAllGoesOnAfterTheLastPosition) {
  fake_.all.Then(Pages<AllPage>({PageOf<AllPage>(10, 12), AllPage()}, kGone));
  fake_.all.Then(Pages<AllPage>({PageOf<AllPage>(13, 14)}));
  v1::ReadAllRequest request;
  request.set_from_position(9);
  request.mutable_filter()->add_user_ids("u");
  auto reader = server_.MakeClient().ReadAll(request);
  const auto outcome = Drain(reader);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.versions, ElementsAre(10, 11, 12, 13, 14));
  const auto requests = fake_.all.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[1].from_position(), 12);
  EXPECT_EQ(requests[1].filter().user_ids(0), "u");
}

TEST_F(EventReaderTest, UserStreamIsRetriedOnlyBeforeItsFirstPage) {
  fake_.user.ThenFail(kGone);
  fake_.user.Then(Pages<UserPage>({PageOf<UserPage>(1, 2)}, kGone));
  auto reader = server_.MakeClient().ReadUser({});
  const auto outcome = Drain(reader);
  EXPECT_THAT(outcome.versions, ElementsAre(1, 2));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("begin it anew"));
  EXPECT_THAT(fake_.user.requests(), SizeIs(2));
}

TEST_F(EventReaderTest, CorrelationIsRetriedOnlyBeforeItsFirstPage) {
  fake_.correlated.ThenFail(kGone);
  fake_.correlated.Then(Pages<CorrelatedPage>({PageOf<CorrelatedPage>(1, 2)}, kGone));
  auto reader = server_.MakeClient().ReadCorrelated({});
  const auto outcome = Drain(reader);
  EXPECT_THAT(outcome.versions, ElementsAre(1, 2));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(fake_.correlated.requests(), SizeIs(2));
}

TEST_F(EventReaderTest, OtherErrorsEndTheRead) {
  fake_.all.Then(Pages<AllPage>({PageOf<AllPage>(1, 1)}, {StatusCode::INTERNAL, "broken"}));
  auto reader = server_.MakeClient().ReadAll({});
  const auto outcome = Drain(reader);
  EXPECT_THAT(outcome.versions, ElementsAre(1));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(fake_.all.requests(), SizeIs(1));
  EXPECT_FALSE(reader.Next().has_value());
}

TEST_F(EventReaderTest, AttemptsWithoutProgressEnd) {
  Options options;
  options.retry.max_attempts = 3;
  fake_.all.Then(Pages<AllPage>({PageOf<AllPage>(1, 1)}, kGone));
  fake_.all.Then(Pages<AllPage>({PageOf<AllPage>(2, 2)}, kGone));
  fake_.all.ThenFail(kGone);
  auto reader = server_.MakeClient(options).ReadAll({});
  const auto outcome = Drain(reader);
  EXPECT_THAT(outcome.versions, ElementsAre(1, 2));
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("after 3 attempts"));
  // The first attempt of each run of failures made progress: one, then one, then two more.
  EXPECT_THAT(fake_.all.requests(), SizeIs(4));
}

TEST_F(EventReaderTest, DeadlineIsOfTheWholeRead) {
  std::chrono::system_clock::duration allowed{};
  fake_.all.Then([&](grpc::ServerContext* context, const auto&, auto*) {
    allowed = context->deadline() - std::chrono::system_clock::now();
    return grpc::Status::OK;
  });
  auto reader = server_.MakeClient().ReadAll({}, {.timeout = std::chrono::minutes(10)});
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_GT(allowed, std::chrono::minutes(5));
  EXPECT_LT(allowed, std::chrono::minutes(11));
}

TEST_F(EventReaderTest, DestructionCancels) {
  fake_.all.Then([&](grpc::ServerContext* context, const auto&, auto* writer) {
    // Endless, unless cancelled: flow control blocks this write while nobody reads.
    while (writer->Write(PageOf<AllPage>(1, 1'000))) {
    }
    // gRPC ends the write first, and says why a moment later.
    for (int ms = 0; ms < 10'000 && !context->IsCancelled(); ++ms)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ended_.set_value(context->IsCancelled());
    return grpc::Status::OK;
  });
  {
    auto reader = server_.MakeClient().ReadAll({});
    ASSERT_TRUE(reader.Next()->ok());
  }
  EXPECT_TRUE(ended_.get_future().get());
}

TEST_F(EventReaderTest, CancelWakesAWaitingReader) {
  fake_.all.Then([&](auto*, const auto&, auto*) {
    entered_.set_value();
    release_.get_future().wait();
    return grpc::Status::OK;
  });
  auto reader = server_.MakeClient().ReadAll({});
  std::thread canceller([&] {
    entered_.get_future().wait();
    reader.Cancel();
  });
  const auto event = reader.Next();
  canceller.join();
  release_.set_value();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(reader.Next().has_value());
}

TEST_F(EventReaderTest, CancelBeforeTheFirstEventOpensNothing) {
  auto reader = server_.MakeClient().ReadAll({});
  reader.Cancel();
  EXPECT_EQ(reader.Next()->status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(fake_.all.requests(), IsEmpty());
}

}  // namespace
}  // namespace eventstore::client
