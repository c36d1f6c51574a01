// Matchers for absl::Status and absl::StatusOr<T> that print the message when they fail.
//
//   EXPECT_THAT(session.RunScript("..."), IsOk());
//   EXPECT_THAT(migrator.Up({}, {}), HasReason(domain::Reason::kStoreIncompatible));
//   EXPECT_THAT(status, HasMessage(HasSubstr("too old")));
#pragma once

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "server/domain/error.h"

namespace eventstore::testing {

inline absl::Status StatusOf(const absl::Status& status) { return status; }

template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code, "has the code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

// An error of the store with this reason.
MATCHER_P(HasReason, reason, "has the reason " + std::string(domain::ReasonName(reason))) {
  const absl::Status status = StatusOf(arg);
  *result_listener << status.ToString();
  return !status.ok() && domain::FromStatus(status).reason == reason;
}

MATCHER_P(HasMessage, matcher, "has a message that " + ::testing::DescribeMatcher<std::string>(matcher)) {
  return ::testing::ExplainMatchResult(matcher, std::string(StatusOf(arg).message()), result_listener);
}

}  // namespace eventstore::testing
