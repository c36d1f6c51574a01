// Errors as types.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/src/status.h"
#include "tests/unit/client/fake_event_store.h"

namespace eventstore::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

absl::Status Made(const ErrorMaker& maker) { return internal::FromGrpc(maker.Grpc()); }

TEST(ErrorsTest, ConflictNamesEveryAppendAndCheckThatFailed) {
  v1::VersionConflicts details;
  auto* first = details.add_conflicts();
  first->set_field("appends[2]");
  first->set_aggregate_id("aaa");
  first->set_expected_version("3");
  first->set_actual_version(5);
  auto* second = details.add_conflicts();
  second->set_field("checks[0]");
  second->set_aggregate_id("bbb");
  second->set_expected_version("existing");
  const auto conflict =
      AsVersionConflict(Made(ErrorMaker(grpc::ABORTED, "conflict").Reason("VERSION_CONFLICT").With(details)));
  ASSERT_TRUE(conflict);
  ASSERT_THAT(conflict->conflicts, SizeIs(2));
  EXPECT_EQ(conflict->conflicts[0].field, "appends[2]");
  EXPECT_EQ(conflict->conflicts[0].aggregate_id, "aaa");
  EXPECT_EQ(conflict->conflicts[0].expected, 3);
  EXPECT_EQ(conflict->conflicts[0].actual, 5);
  EXPECT_EQ(conflict->conflicts[1].field, "checks[0]");
  EXPECT_EQ(conflict->conflicts[1].expected, std::nullopt);
  EXPECT_EQ(conflict->conflicts[1].actual, 0);
}

TEST(ErrorsTest, ConflictIsReadFromTheMetadataWhenDetailsAreMissing) {
  const auto conflict = AsVersionConflict(Made(
      ErrorMaker(grpc::ABORTED, "conflict")
          .Reason("VERSION_CONFLICT", {{"aggregate_id", "aaa"}, {"expected_version", "0"}, {"actual_version", "9"}})));
  ASSERT_TRUE(conflict);
  ASSERT_THAT(conflict->conflicts, SizeIs(1));
  EXPECT_EQ(conflict->conflicts[0].aggregate_id, "aaa");
  EXPECT_EQ(conflict->conflicts[0].expected, 0);
  EXPECT_EQ(conflict->conflicts[0].actual, 9);
}

TEST(ErrorsTest, OtherErrorsAreNoConflicts) {
  EXPECT_FALSE(AsVersionConflict(absl::OkStatus()));
  EXPECT_FALSE(AsVersionConflict(Made(ErrorMaker(grpc::ABORTED, "without a reason"))));
  EXPECT_FALSE(AsVersionConflict(Made(ErrorMaker(grpc::ABORTED, "").Reason("SOMETHING_ELSE"))));
  EXPECT_FALSE(AsVersionConflict(Made(ErrorMaker(grpc::UNAVAILABLE, "").Reason("VERSION_CONFLICT"))));
}

TEST(ErrorsTest, ReasonAndMetadataAreOfTheStoreOnly) {
  const auto status = Made(ErrorMaker(grpc::ALREADY_EXISTS, "used").Reason("EVENT_ID_CONFLICT", {{"event_id", "x"}}));
  EXPECT_EQ(ErrorReason(status), "EVENT_ID_CONFLICT");
  EXPECT_THAT(ErrorMetadata(status), ElementsAre(Pair("event_id", "x")));

  google::rpc::ErrorInfo foreign;
  foreign.set_reason("QUOTA");
  foreign.set_domain("proxy.example.com");
  EXPECT_EQ(ErrorReason(Made(ErrorMaker(grpc::UNAVAILABLE, "").With(foreign))), "");
  EXPECT_EQ(ErrorReason(absl::UnavailableError("no connection")), "");
  EXPECT_THAT(ErrorMetadata(absl::OkStatus()), IsEmpty());
}

TEST(ErrorsTest, FieldViolationsAndRetryDelay) {
  google::rpc::BadRequest bad;
  auto* violation = bad.add_field_violations();
  violation->set_field("events[3].data");
  violation->set_description("is not JSON");
  const auto status = Made(ErrorMaker(grpc::INVALID_ARGUMENT, "bad").With(bad).RetryAfterMs(1'500));
  const auto violations = FieldViolations(status);
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field, "events[3].data");
  EXPECT_EQ(violations[0].description, "is not JSON");
  EXPECT_EQ(RetryDelay(status), std::chrono::milliseconds(1'500));
  EXPECT_EQ(RetryDelay(absl::OkStatus()), std::nullopt);
}

TEST(ErrorsTest, GrpcStatusKeepsCodeMessageAndDetails) {
  for (int code = 0; code <= 16; ++code) {
    const auto status = internal::FromGrpc({static_cast<grpc::StatusCode>(code), "text"});
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(std::string(status.message()), code == 0 ? "" : "text");
  }
  const auto noted = internal::WithNote(Made(ErrorMaker(grpc::UNAVAILABLE, "gone").Reason("SHUTTING_DOWN")), " (note)");
  EXPECT_EQ(std::string(noted.message()), "gone (note)");
  EXPECT_EQ(ErrorReason(noted), "SHUTTING_DOWN");
  // What is not google.rpc.Status is left alone.
  EXPECT_EQ(ErrorReason(internal::FromGrpc({grpc::StatusCode::INTERNAL, "x", "\x01garbage"})), "");
}

}  // namespace
}  // namespace eventstore::client
