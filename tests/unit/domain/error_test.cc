#include "server/domain/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

using ::testing::HasSubstr;

const std::vector<std::tuple<Reason, std::string, absl::StatusCode>> kTable = {
    {Reason::kInvalidRequest, "INVALID_REQUEST", absl::StatusCode::kInvalidArgument},
    {Reason::kLimitExceeded, "LIMIT_EXCEEDED", absl::StatusCode::kInvalidArgument},
    {Reason::kVersionConflict, "VERSION_CONFLICT", absl::StatusCode::kAborted},
    {Reason::kEventIdConflict, "EVENT_ID_CONFLICT", absl::StatusCode::kAlreadyExists},
    {Reason::kVersionExhausted, "VERSION_EXHAUSTED", absl::StatusCode::kOutOfRange},
    {Reason::kQueueFull, "QUEUE_FULL", absl::StatusCode::kResourceExhausted},
    {Reason::kDatabaseUnavailable, "DATABASE_UNAVAILABLE", absl::StatusCode::kUnavailable},
    {Reason::kShuttingDown, "SHUTTING_DOWN", absl::StatusCode::kUnavailable},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", absl::StatusCode::kDeadlineExceeded},
    {Reason::kCancelled, "CANCELLED", absl::StatusCode::kCancelled},
    {Reason::kCommitUnknown, "COMMIT_UNKNOWN", absl::StatusCode::kUnknown},
    {Reason::kStoreIncompatible, "STORE_INCOMPATIBLE", absl::StatusCode::kFailedPrecondition},
    {Reason::kGroupExists, "GROUP_EXISTS", absl::StatusCode::kAlreadyExists},
    {Reason::kGroupNotFound, "GROUP_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kTaskNotFound, "TASK_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kTaskRunning, "TASK_RUNNING", absl::StatusCode::kAborted},
    {Reason::kHousekeeperOff, "HOUSEKEEPER_OFF", absl::StatusCode::kFailedPrecondition},
    {Reason::kRecordNotFound, "RECORD_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kRecordIdConflict, "RECORD_ID_CONFLICT", absl::StatusCode::kAlreadyExists},
    {Reason::kStatusConflict, "STATUS_CONFLICT", absl::StatusCode::kAborted},
    {Reason::kIllegalTransition, "ILLEGAL_TRANSITION", absl::StatusCode::kFailedPrecondition},
    {Reason::kWorkerNameTaken, "WORKER_NAME_TAKEN", absl::StatusCode::kAlreadyExists},
    {Reason::kTableNotTracked, "TABLE_NOT_TRACKED", absl::StatusCode::kNotFound},
    {Reason::kUnimplemented, "UNIMPLEMENTED", absl::StatusCode::kUnimplemented},
    {Reason::kInternal, "INTERNAL", absl::StatusCode::kInternal},
};

TEST(Error, EveryReasonHasItsNameAndCodeAndComesBack) {
  for (const auto& [reason, name, code] : kTable) {
    EXPECT_EQ(ReasonName(reason), name);
    const absl::Status status = ErrorOf(reason, "what happened");
    EXPECT_EQ(status.code(), code) << name;
    EXPECT_EQ(std::string(status.message()), "what happened");
    EXPECT_EQ(FromStatus(status).reason, reason) << name;
  }
}

// Any bytes, also those that the encoding of the payload uses itself.
rc::Gen<std::string> AnyText() {
  return rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                        rc::gen::container<std::string>(rc::gen::elementOf(std::string(":0123456789\0\xff ", 14))));
}

RC_GTEST_PROP(ErrorProperty, StatusRoundTripLosesNothing, ()) {
  const auto pairs = [] {
    return *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(rc::gen::pair(AnyText(), AnyText()));
  };
  Error error;
  error.reason = std::get<0>(*rc::gen::elementOf(kTable));
  error.message = *AnyText();
  error.metadata = pairs();
  for (auto& [field, description] : pairs()) error.violations.push_back({field, description});
  for (auto& [field, expected] : pairs()) {
    error.conflicts.push_back({field, Uuid{*rc::gen::arbitrary<std::array<std::uint8_t, 16>>()}, expected,
                               *rc::gen::arbitrary<std::int32_t>()});
  }
  if (*rc::gen::arbitrary<bool>()) error.retry_after_ms = *rc::gen::arbitrary<std::int64_t>();

  const Error back = FromStatus(ToStatus(error));
  RC_ASSERT(back.reason == error.reason);
  RC_ASSERT(back.message == error.message);
  RC_ASSERT(back.metadata == error.metadata);
  RC_ASSERT(back.violations == error.violations);
  RC_ASSERT(back.conflicts == error.conflicts);
  RC_ASSERT(back.retry_after_ms == error.retry_after_ms);
}

TEST(Error, ForeignStatusGetsTheNearestReason) {
  EXPECT_EQ(FromStatus(absl::InvalidArgumentError("x")).reason, Reason::kInvalidRequest);
  EXPECT_EQ(FromStatus(absl::ResourceExhaustedError("x")).reason, Reason::kQueueFull);
  EXPECT_EQ(FromStatus(absl::UnavailableError("x")).reason, Reason::kDatabaseUnavailable);
  EXPECT_EQ(FromStatus(absl::DeadlineExceededError("x")).reason, Reason::kDeadlineExceeded);
  EXPECT_EQ(FromStatus(absl::CancelledError("x")).reason, Reason::kCancelled);
  EXPECT_EQ(FromStatus(absl::UnimplementedError("x")).reason, Reason::kUnimplemented);
  // These claim more than a foreign status can know.
  EXPECT_EQ(FromStatus(absl::AbortedError("x")).reason, Reason::kInternal);
  EXPECT_EQ(FromStatus(absl::AlreadyExistsError("x")).reason, Reason::kInternal);
  EXPECT_EQ(FromStatus(absl::UnknownError("x")).reason, Reason::kInternal);
  EXPECT_EQ(FromStatus(absl::UnknownError("why")).message, "why");
}

TEST(Error, DamagedPayloadReadsAsNothingRatherThanBeyondItsEnd) {
  for (const char* damaged : {"5", "5:", "5:abc", "x:abc", "99999999999999999999:a", "-1:a", ":"}) {
    absl::Status status = ErrorOf(Reason::kInternal, "x");
    status.SetPayload("eventstore/metadata", absl::Cord(damaged));
    const Error error = FromStatus(status);
    ASSERT_EQ(error.metadata.size(), 1U) << damaged;
    EXPECT_EQ(error.metadata[0], std::make_pair(std::string(), std::string())) << damaged;
  }
}

TEST(InvalidField, NamesTheFieldAndIsAnInvalidRequest) {
  const Error error = FromStatus(InvalidField("events[0].data", "is not JSON"));
  EXPECT_EQ(error.reason, Reason::kInvalidRequest);
  EXPECT_EQ(error.violations, (std::vector<FieldViolation>{{"events[0].data", "is not JSON"}}));
  EXPECT_THAT(error.message, HasSubstr("events[0].data is not JSON"));
}

TEST(LimitExceeded, NamesTheLimitAndTheSize) {
  const Error error = FromStatus(LimitExceeded("events[0].data", "max_data_bytes", 5'242'880, 1'048'576));
  EXPECT_EQ(error.reason, Reason::kLimitExceeded);
  ASSERT_EQ(error.violations.size(), 1U);
  EXPECT_EQ(error.violations[0].description, "is 5242880 bytes; the limit is 1048576");
  EXPECT_EQ(MetadataOf(error, "field"), "events[0].data");
  EXPECT_EQ(MetadataOf(error, "limit"), "max_data_bytes");
  EXPECT_EQ(MetadataOf(error, "size"), "5242880");
  EXPECT_EQ(MetadataOf(error, "max"), "1048576");
}

TEST(LimitExceeded, SpeaksOfWhatTheLimitCounts) {
  const auto description = [](const char* limit) {
    return FromStatus(LimitExceeded("f", limit, 9, 8)).violations.at(0).description;
  };
  EXPECT_EQ(description("max_data_bytes"), "is 9 bytes; the limit is 8");
  EXPECT_EQ(description("max_events"), "has 9 events; the limit is 8");
  EXPECT_EQ(description("max_days"), "is 9; the limit is 8");
  EXPECT_EQ(description("max_checks"), "has 9 entries; the limit is 8");
}

}  // namespace
}  // namespace eventstore::domain
