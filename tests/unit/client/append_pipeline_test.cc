// Many appends on one stream: their outcomes, their order, and what happens to them when the stream breaks.
#include "eventstore/append_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/unit/client/fake_event_store.h"

namespace eventstore::client {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using ServerStream = grpc::ServerReaderWriter<v1::AppendStreamResponse, v1::AppendStreamRequest>;
using Version = std::int32_t;

v1::AppendRequest Request(const std::string& aggregate, Version expected) {
  v1::AppendRequest request;
  request.set_aggregate_id(aggregate);
  request.set_aggregate_type("entity");
  request.set_expected_version(expected);
  request.add_events()->set_event_type("thing.happened");
  return request;
}

// Keeps the versions that were appended to, and answers at most `most` items; then it ends the stream with `end`.
class Answering {
 public:
  explicit Answering(int most = 1'000'000, grpc::Status end = {grpc::StatusCode::UNAVAILABLE, "gone"})
      : most_(most), end_(std::move(end)) {}

  grpc::Status operator()(grpc::ServerContext*, const v1::AppendStreamRequest&, ServerStream* stream) {
    v1::AppendStreamRequest message;
    std::int64_t number = 0;
    while (stream->Read(&message)) {
      v1::AppendStreamResponse response;
      for (const auto& item : message.items()) {
        if (number == most_) {
          stream->Write(response);
          return end_;
        }
        auto* outcome = response.add_outcomes();
        outcome->set_number(++number);
        outcome->mutable_appended()->set_aggregate_id(item.events(0).id());
        outcome->mutable_appended()->set_version(item.expected_version() + 1);
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

 private:
  int most_;
  grpc::Status end_;
};

class AppendPipelineTest : public testing::Test {
 protected:
  std::function<void(AppendPipeline::Outcome)> Note() {
    return [this](const AppendPipeline::Outcome& outcome) { outcomes_.push_back(outcome); };
  }
  std::vector<Version> Versions() const {
    std::vector<Version> versions;
    for (const auto& outcome : outcomes_) versions.push_back(outcome.ok() ? outcome->version() : -1);
    return versions;
  }

  FakeEventStore fake_;
  FakeServer server_{&fake_};
  std::vector<AppendPipeline::Outcome> outcomes_;  // callbacks come one after another; read after Flush()
};

TEST_F(AppendPipelineTest, EveryAppendHasItsOutcome) {
  fake_.append_stream.Then(Answering());
  AppendPipeline pipeline(server_.MakeClient());
  for (Version version = 0; version < 1'000; ++version) pipeline.Append(Request("a", version), Note());
  pipeline.Flush();
  std::vector<Version> all(1'000);
  for (Version version = 0; version < 1'000; ++version) all[version] = version + 1;
  EXPECT_EQ(Versions(), all);
  EXPECT_THAT(fake_.append_stream.requests(), SizeIs(1));
}

TEST_F(AppendPipelineTest, NothingToDoOpensNothing) {
  {
    AppendPipeline pipeline(server_.MakeClient());
    pipeline.Flush();
  }
  EXPECT_THAT(fake_.append_stream.requests(), IsEmpty());
}

TEST_F(AppendPipelineTest, ItsEndWaitsForWhatIsUnderWay) {
  fake_.append_stream.Then(Answering());
  {
    AppendPipeline pipeline(server_.MakeClient());
    for (Version version = 0; version < 3; ++version) pipeline.Append(Request("a", version), Note());
  }
  EXPECT_THAT(Versions(), ElementsAre(1, 2, 3));
}

TEST_F(AppendPipelineTest, ErrorsKeepTheirDetailsAndHoldUpNobody) {
  fake_.append_stream.Then([](auto*, const auto&, ServerStream* stream) {
    v1::AppendStreamRequest message;
    while (stream->Read(&message)) {
      v1::AppendStreamResponse response;
      for (const auto& item : message.items()) {
        auto* outcome = response.add_outcomes();
        outcome->set_number(item.expected_version() + 1);
        if (item.expected_version() == 0) {
          const auto error = ErrorMaker(grpc::StatusCode::ABORTED, "no").Reason("VERSION_CONFLICT").Grpc();
          outcome->mutable_error()->ParseFromString(error.error_details());
        } else {
          outcome->mutable_appended()->set_version(item.expected_version() + 1);
        }
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  });
  AppendPipeline pipeline(server_.MakeClient());
  pipeline.Append(Request("a", 0), Note());
  pipeline.Append(Request("a", 1), Note());
  pipeline.Flush();
  ASSERT_THAT(outcomes_, SizeIs(2));
  EXPECT_EQ(outcomes_[0].status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ErrorReason(outcomes_[0].status()), "VERSION_CONFLICT");
  EXPECT_TRUE(outcomes_[1].ok());
}

TEST_F(AppendPipelineTest, WhatHasNoOutcomeIsSentAgainInOrderWithTheSameIds) {
  std::vector<std::string> first_ids;
  // Reads ten, answers the first and the third.
  fake_.append_stream.Then([&](auto*, const auto&, ServerStream* stream) {
    v1::AppendStreamRequest message;
    while (first_ids.size() < 10 && stream->Read(&message)) {
      for (const auto& item : message.items()) first_ids.push_back(item.events(0).id());
    }
    v1::AppendStreamResponse response;
    for (const int number : {1, 3}) {
      response.add_outcomes()->set_number(number);
      response.mutable_outcomes()->rbegin()->mutable_appended()->set_version(number);
    }
    stream->Write(response);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
  });
  fake_.append_stream.Then(Answering());
  AppendPipeline pipeline(server_.MakeClient());
  std::vector<std::string> again_ids;
  for (Version version = 0; version < 10; ++version) {
    pipeline.Append(Request("a", version), [&](const AppendPipeline::Outcome& outcome) {
      outcomes_.push_back(outcome);
      again_ids.push_back(outcome->aggregate_id());
    });
  }
  pipeline.Flush();
  EXPECT_THAT(Versions(), ElementsAre(1, 3, 2, 4, 5, 6, 7, 8, 9, 10));
  ASSERT_THAT(first_ids, SizeIs(10));
  EXPECT_EQ(again_ids[2], first_ids[1]);
  for (int i = 3; i < 10; ++i) EXPECT_EQ(again_ids[i], first_ids[i]) << i;
  EXPECT_THAT(first_ids[1], SizeIs(36));
}

TEST_F(AppendPipelineTest, AStreamThatAlwaysBreaksIsGivenUp) {
  Options options;
  options.retry = {.max_attempts = 3, .initial_backoff = milliseconds(100)};
  fake_.append_stream.ThenFail({grpc::StatusCode::UNAVAILABLE, "gone"});
  AppendPipeline pipeline(server_.MakeClient(options));
  pipeline.Append(Request("a", 0), Note());
  pipeline.Flush();
  ASSERT_THAT(outcomes_, SizeIs(1));
  EXPECT_EQ(outcomes_[0].status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(outcomes_[0].status().message(), "gone (after 3 attempts)");
  EXPECT_THAT(server_.time.sleeps, ElementsAre(milliseconds(75), milliseconds(150)));
  // What comes later is tried anew.
  fake_.append_stream.Then(Answering());
  pipeline.Append(Request("a", 1), Note());
  pipeline.Append(Request("a", 2), Note());
  pipeline.Flush();
  EXPECT_THAT(Versions(), ElementsAre(-1, 2, 3));
}

TEST_F(AppendPipelineTest, ProgressBeginsTheAttemptsAnew) {
  Options options;
  options.retry.max_attempts = 2;
  for (int i = 0; i < 20; ++i) fake_.append_stream.Then(Answering(1));
  fake_.append_stream.Then(Answering());
  AppendPipeline pipeline(server_.MakeClient(options));
  for (Version version = 0; version < 20; ++version) pipeline.Append(Request("a", version), Note());
  pipeline.Flush();
  std::vector<Version> all(20);
  for (Version version = 0; version < 20; ++version) all[version] = version + 1;
  EXPECT_EQ(Versions(), all);
}

TEST_F(AppendPipelineTest, AnErrorThatStaysIsToldAtOnce) {
  fake_.append_stream.ThenFail({grpc::StatusCode::UNIMPLEMENTED, "an older server"});
  AppendPipeline pipeline(server_.MakeClient());
  pipeline.Append(Request("a", 0), Note());
  pipeline.Flush();
  EXPECT_EQ(outcomes_[0].status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(fake_.append_stream.requests(), SizeIs(1));
}

TEST_F(AppendPipelineTest, AStreamThatStallsIsOpenedAgain) {
  fake_.append_stream.Then([&](grpc::ServerContext* context, const auto&, ServerStream* stream) {
    v1::AppendStreamRequest message;
    stream->Read(&message);
    server_.time.Pass(std::chrono::minutes(1));
    while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
    return grpc::Status::CANCELLED;
  });
  fake_.append_stream.Then(Answering());
  AppendPipeline pipeline(server_.MakeClient());
  pipeline.Append(Request("a", 0), Note());
  pipeline.Flush();
  EXPECT_THAT(Versions(), ElementsAre(1));
  EXPECT_THAT(fake_.append_stream.requests(), SizeIs(2));
}

TEST_F(AppendPipelineTest, NoMoreThanTheWindowIsUnderWay) {
  std::atomic<bool> answer = false;
  std::atomic<int> given = 0;
  fake_.append_stream.Then([&](grpc::ServerContext* context, const auto& request, ServerStream* stream) {
    while (!answer) std::this_thread::sleep_for(milliseconds(1));
    return Answering()(context, request, stream);
  });
  AppendPipeline pipeline(server_.MakeClient(), {.max_in_flight = 4});
  std::thread giver([&] {
    for (Version version = 0; version < 20; ++version) {
      pipeline.Append(Request("a", version), Note());
      ++given;
    }
  });
  while (given < 4) std::this_thread::sleep_for(milliseconds(1));
  std::this_thread::sleep_for(milliseconds(50));  // for one too many, if the window let it pass
  EXPECT_EQ(given, 4);
  answer = true;
  giver.join();
  pipeline.Flush();
  EXPECT_THAT(outcomes_, SizeIs(20));
}

TEST_F(AppendPipelineTest, ManyThreadsMayAppend) {
  fake_.append_stream.Then(Answering());
  AppendPipeline pipeline(server_.MakeClient(), {.max_in_flight = 16});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (Version version = 0; version < 100; ++version) {
        pipeline.Append(Request("a" + std::to_string(i), version), Note());
      }
      pipeline.Flush();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(outcomes_, SizeIs(400));
}

}  // namespace
}  // namespace eventstore::client
