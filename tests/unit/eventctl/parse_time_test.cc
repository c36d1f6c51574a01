#include "tools/eventctl/input/parse_time.h"

#include <gtest/gtest.h>

namespace eventstore::eventctl {
namespace {

const SystemTime kNow = *ParseTime("2026-11-21T12:00:00Z", SystemTime());

std::string Parsed(const std::string& text) {
  const auto time = ParseTime(text, kNow);
  return time ? FormatTime(ToProto(*time)) : "not a time";
}

struct TimeCase {
  const char* text;
  const char* expected;
};

class ParseTimeTest : public testing::TestWithParam<TimeCase> {};

TEST_P(ParseTimeTest, Reads) { EXPECT_EQ(Parsed(GetParam().text), GetParam().expected) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(
    Times, ParseTimeTest,
    testing::Values(TimeCase{"2026-11-21", "2026-11-21T00:00:00.000000Z"},
                    TimeCase{"2026-11-21T14:05", "2026-11-21T14:05:00.000000Z"},
                    TimeCase{"2026-11-21 14:05:06", "2026-11-21T14:05:06.000000Z"},
                    TimeCase{"2026-11-21T14:05:06.5Z", "2026-11-21T14:05:06.500000Z"},
                    TimeCase{"2026-11-21T14:05:06.123456789Z", "2026-11-21T14:05:06.123456Z"},
                    TimeCase{"2026-11-21T14:05:06+02:00", "2026-11-21T12:05:06.000000Z"},
                    TimeCase{"2026-11-21T14:05:06-0430", "2026-11-21T18:35:06.000000Z"},
                    TimeCase{"2026-11-21T00:05+01", "2026-11-20T23:05:00.000000Z"},
                    TimeCase{"1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z"},
                    TimeCase{"2024-02-29", "2024-02-29T00:00:00.000000Z"},
                    TimeCase{"now", "2026-11-21T12:00:00.000000Z"}, TimeCase{"90s", "2026-11-21T11:58:30.000000Z"},
                    TimeCase{"15m", "2026-11-21T11:45:00.000000Z"}, TimeCase{"2h", "2026-11-21T10:00:00.000000Z"},
                    TimeCase{"7d", "2026-11-14T12:00:00.000000Z"}, TimeCase{"1w", "2026-11-14T12:00:00.000000Z"}));

INSTANTIATE_TEST_SUITE_P(
    Nonsense, ParseTimeTest,
    testing::Values(TimeCase{"", "not a time"}, TimeCase{"yesterday", "not a time"},
                    TimeCase{"2026-13-01", "not a time"}, TimeCase{"2025-02-29", "not a time"},
                    TimeCase{"2026-11-21T24:00", "not a time"}, TimeCase{"2026-11-21T10:60", "not a time"},
                    TimeCase{"2026-11-21T10:00:00.", "not a time"}, TimeCase{"2026-11-21T10:00:00Zx", "not a time"},
                    TimeCase{"2026-11-21T10:00+25:00", "not a time"}, TimeCase{"2026-11-21T", "not a time"},
                    TimeCase{"21.11.2026", "not a time"}, TimeCase{"-2h", "not a time"}, TimeCase{"2y", "not a time"},
                    TimeCase{"h", "not a time"}, TimeCase{"99999999999999999999s", "not a time"},
                    TimeCase{"9223372036854775807w", "not a time"}));

TEST(FormatTimeTest, ForPeople) {
  EXPECT_EQ(FormatTimeShort(ToProto(*ParseTime("2026-11-21T14:05:06.123456Z", kNow))), "2026-11-21 14:05:06.123");
}

TEST(FormatTimeTest, ProtoKeepsTimesBefore1970) {
  const auto time = *ParseTime("1960-01-01T00:00:00.25Z", kNow);
  const auto proto = ToProto(time);
  EXPECT_EQ(proto.nanos(), 250'000'000);
  EXPECT_EQ(FromProto(proto), time);
}

}  // namespace
}  // namespace eventstore::eventctl
