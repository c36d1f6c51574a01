// Appends and other unary calls: what is repeated, with what ids, and for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/fake_event_store.h"

namespace eventstore::client {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const Aggregate kAggregate{"0190a0e2-0000-7000-8000-000000000001", "entity"};

grpc::Status Succeed(grpc::ServerContext* /*context*/, const v1::AppendRequest& request, v1::AppendResponse* response) {
  response->set_aggregate_id(request.aggregate_id());
  response->set_version(request.expected_version() + request.events_size());
  return grpc::Status::OK;
}

v1::NewEvent EventWithId(const std::string& id) {
  v1::NewEvent event;
  event.set_id(id);
  event.set_event_type("thing.happened");
  return event;
}

std::vector<std::string> IdsOf(const v1::AppendRequest& request) {
  std::vector<std::string> ids;
  for (const auto& event : request.events()) ids.push_back(event.id());
  return ids;
}

class AppendTest : public testing::Test {
 protected:
  FakeEventStore fake_;
  FakeServer server_{&fake_};
};

TEST_F(AppendTest, SendsTheCheckAndTheEvents) {
  fake_.append.Then(Succeed);
  const auto client = server_.MakeClient();
  const auto response = client.Append(kAggregate, VersionCheck::Exactly(4), {EventWithId("a"), EventWithId("b")});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->version(), 6);
  ASSERT_TRUE(client.Append(kAggregate, VersionCheck::Any(), {EventWithId("c")}).ok());
  ASSERT_TRUE(client.Append(kAggregate, VersionCheck::Existing(), {EventWithId("d")}).ok());
  ASSERT_TRUE(client.Append(kAggregate, VersionCheck::NotYet(), {EventWithId("e")}).ok());
  const auto requests = fake_.append.requests();
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[0].aggregate_id(), kAggregate.id);
  EXPECT_EQ(requests[0].aggregate_type(), "entity");
  EXPECT_EQ(requests[0].expected_version(), 4);
  EXPECT_THAT(IdsOf(requests[0]), ElementsAre("a", "b"));
  EXPECT_TRUE(requests[1].any_version());
  EXPECT_TRUE(requests[2].existing());
  EXPECT_EQ(requests[3].version_check_case(), v1::AppendRequest::kExpectedVersion);
}

TEST_F(AppendTest, FillsEmptyIdsOnceAndRepeatsTheSame) {
  fake_.append.ThenFail({grpc::StatusCode::UNAVAILABLE, "gone"});
  fake_.append.ThenFail({grpc::StatusCode::UNAVAILABLE, "gone"});
  fake_.append.Then(Succeed);
  ASSERT_TRUE(server_.MakeClient().Append(kAggregate, VersionCheck::Exactly(0), {{}, EventWithId("mine"), {}}).ok());
  const auto requests = fake_.append.requests();
  ASSERT_THAT(requests, SizeIs(3));
  const auto ids = IdsOf(requests[0]);
  ASSERT_THAT(ids, SizeIs(3));
  EXPECT_THAT(ids[0], SizeIs(36));
  EXPECT_EQ(ids[1], "mine");
  EXPECT_NE(ids[0], ids[2]);
  EXPECT_EQ(IdsOf(requests[1]), ids);
  EXPECT_EQ(IdsOf(requests[2]), ids);
}

TEST_F(AppendTest, BatchesCarryIdsToo) {
  fake_.append_batch.ThenFail({grpc::StatusCode::UNAVAILABLE, "gone"});
  fake_.append_batch.Then([](auto*, const auto&, auto*) { return grpc::Status::OK; });
  v1::AppendBatchRequest request;
  request.add_appends()->add_events();
  request.add_appends()->add_events();
  ASSERT_TRUE(server_.MakeClient().AppendBatch(request).ok());
  const auto requests = fake_.append_batch.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[0].appends(0).events(0).id(), SizeIs(36));
  EXPECT_NE(requests[0].appends(0).events(0).id(), requests[0].appends(1).events(0).id());
  EXPECT_EQ(requests[0].SerializeAsString(), requests[1].SerializeAsString());
}

struct RetryCase {
  const char* name;
  grpc::Status error;
  bool append_retried;
  bool read_retried;
};

class RetryTableTest : public AppendTest, public testing::WithParamInterface<RetryCase> {};

TEST_P(RetryTableTest, AppendsAreRepeatedWhereThatIsSafe) {
  fake_.append.ThenFail(GetParam().error);
  fake_.append.Then(Succeed);
  const auto response = server_.MakeClient().Append(kAggregate, VersionCheck::Exactly(0), {{}});
  EXPECT_EQ(response.ok(), GetParam().append_retried) << response.status();
  EXPECT_THAT(fake_.append.requests(), SizeIs(GetParam().append_retried ? 2 : 1));
}

TEST_P(RetryTableTest, ReadsAreRepeatedWhereThatHelps) {
  fake_.version.ThenFail(GetParam().error);
  fake_.version.Then([](auto*, const auto&, auto* response) {
    response->set_version(7);
    return grpc::Status::OK;
  });
  const auto response = server_.MakeClient().GetVersion(kAggregate.id);
  EXPECT_EQ(response.ok(), GetParam().read_retried) << response.status();
  EXPECT_THAT(fake_.version.requests(), SizeIs(GetParam().read_retried ? 2 : 1));
}

using grpc::StatusCode;
INSTANTIATE_TEST_SUITE_P(
    Codes, RetryTableTest,
    testing::Values(
        RetryCase{"Unavailable", {StatusCode::UNAVAILABLE, ""}, true, true},
        RetryCase{"QueueFull", ErrorMaker(StatusCode::RESOURCE_EXHAUSTED, "full").RetryAfterMs(20).Grpc(), true, true},
        RetryCase{"MessageTooLarge", {StatusCode::RESOURCE_EXHAUSTED, "message larger than max"}, false, false},
        RetryCase{"CommitUnknown", ErrorMaker(StatusCode::UNKNOWN, "?").Reason("COMMIT_UNKNOWN").Grpc(), true, false},
        RetryCase{"Deadline", {StatusCode::DEADLINE_EXCEEDED, ""}, true, false},
        RetryCase{"Conflict", ErrorMaker(StatusCode::ABORTED, "").Reason("VERSION_CONFLICT").Grpc(), false, false},
        RetryCase{"IdConflict", {StatusCode::ALREADY_EXISTS, ""}, false, false},
        RetryCase{"BadRequest", {StatusCode::INVALID_ARGUMENT, ""}, false, false},
        RetryCase{"Internal", {StatusCode::INTERNAL, ""}, false, false},
        RetryCase{"Cancelled", {StatusCode::CANCELLED, ""}, false, false}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_F(AppendTest, WaitsAsLongAsTheServerAsks) {
  fake_.append.ThenFail(ErrorMaker(StatusCode::RESOURCE_EXHAUSTED, "full").RetryAfterMs(1'234).Grpc());
  fake_.append.Then(Succeed);
  ASSERT_TRUE(server_.MakeClient().Append(kAggregate, VersionCheck::Any(), {{}}).ok());
  // What is asked for, and a quarter (random is 0.5) of the backoff of 50 ms, rounded up.
  EXPECT_THAT(server_.time.sleeps, ElementsAre(milliseconds(1'234 + 13)));
}

TEST_F(AppendTest, BackoffGrowsToItsBoundAndAttemptsEnd) {
  Options options;
  options.retry = {
      .max_attempts = 6, .initial_backoff = milliseconds(100), .max_backoff = milliseconds(500), .multiplier = 2};
  fake_.append.ThenFail(ErrorMaker(StatusCode::UNAVAILABLE, "away").Reason("DATABASE_UNAVAILABLE").Grpc());
  const auto response = server_.MakeClient(options).Append(kAggregate, VersionCheck::Any(), {{}});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("away (after 6 attempts)"));
  EXPECT_EQ(ErrorReason(response.status()), "DATABASE_UNAVAILABLE");
  EXPECT_THAT(fake_.append.requests(), SizeIs(6));
  EXPECT_THAT(server_.time.sleeps, ElementsAre(milliseconds(75), milliseconds(150), milliseconds(300),
                                               milliseconds(375), milliseconds(375)));
}

TEST_F(AppendTest, TheDeadlineBoundsTheRetries) {
  Options options;
  options.retry.max_attempts = 1'000;
  options.call_timeout = milliseconds(1'000);
  fake_.append.ThenFail(ErrorMaker(StatusCode::UNAVAILABLE, "away").RetryAfterMs(300).Grpc());
  const auto response = server_.MakeClient(options).Append(kAggregate, VersionCheck::Any(), {{}});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  // 12 ms are left after these; the fourth wait would end after the deadline, so the error comes at once instead.
  EXPECT_THAT(fake_.append.requests(), SizeIs(4));
  EXPECT_THAT(server_.time.sleeps, ElementsAre(milliseconds(313), milliseconds(325), milliseconds(350)));
}

TEST_F(AppendTest, AnAttemptMayTakePartOfTheTimeOnly) {
  std::vector<std::chrono::system_clock::duration> allowed;
  const auto note = [&](grpc::ServerContext* context, const auto&, auto*) {
    allowed.push_back(context->deadline() - std::chrono::system_clock::now());
    return grpc::Status(StatusCode::DEADLINE_EXCEEDED, "slow");
  };
  fake_.append.Then(note);
  fake_.append.Then([&](grpc::ServerContext* context, const v1::AppendRequest& request, v1::AppendResponse* response) {
    note(context, request, response);
    return Succeed(context, request, response);
  });
  Options options;
  options.call_timeout = std::chrono::hours(2);
  options.append_attempt_timeout = std::chrono::hours(1);
  const auto client = server_.MakeClient(options);
  ASSERT_TRUE(client.Append(kAggregate, VersionCheck::Any(), {{}}).ok());
  ASSERT_TRUE(client.Append(kAggregate, VersionCheck::Any(), {{}}, {.timeout = std::chrono::minutes(10)}).ok());
  ASSERT_THAT(allowed, SizeIs(3));
  for (int i : {0, 1}) {
    EXPECT_GT(allowed[i], std::chrono::minutes(50));
    EXPECT_LT(allowed[i], std::chrono::minutes(61));
  }
  EXPECT_LT(allowed[2], std::chrono::minutes(11));
}

TEST_F(AppendTest, OneAttemptMeansOne) {
  Options options;
  options.retry.max_attempts = 1;
  fake_.append.ThenFail({StatusCode::UNAVAILABLE, "gone"});
  const auto response = server_.MakeClient(options).Append(kAggregate, VersionCheck::Any(), {{}});
  EXPECT_EQ(std::string(response.status().message()), "gone");
  EXPECT_THAT(fake_.append.requests(), SizeIs(1));
}

TEST_F(AppendTest, CountsAreRetriedAndReturned) {
  fake_.count.ThenFail({StatusCode::UNAVAILABLE, "gone"});
  fake_.count.Then([](auto*, const auto& request, auto* response) {
    response->set_count(request.user_id() == "u" ? 42 : 0);
    return grpc::Status::OK;
  });
  v1::CountEventsRequest request;
  request.set_user_id("u");
  const auto response = server_.MakeClient().Count(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->count(), 42);
}

TEST(ConnectionTest, NoServerIsUnavailable) {
  Options options;
  // Port 1 of the loopback: nothing listens there.
  options.target = "127.0.0.1:1";
  options.retry.max_attempts = 1;
  const auto response = EventStoreClient(options).GetVersion(kAggregate.id);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace eventstore::client
