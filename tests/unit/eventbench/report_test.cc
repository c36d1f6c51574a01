#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/eventbench/report/chart.h"
#include "tools/eventbench/report/figures.h"
#include "tools/eventbench/report/json.h"
#include "tools/eventbench/report/page.h"
#include "tools/eventbench/report/text.h"

namespace eventstore::eventbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

Options Appending() {
  Options options;
  options.mix = Mix::Parse("append").value();
  return options;
}

// Two seconds: 100 appends of one event at 1 ms, an error, and things before and after that must not count.
RunResult TwoSeconds() {
  Times times{.begin = Instant(seconds(9))};
  times.measured = Instant(seconds(10));
  times.end = Instant(seconds(12));
  RunResult result;
  result.recorder = Recorder(times);
  for (int i = 0; i < 100; ++i) {
    result.recorder.Record(Kind::kAppend, milliseconds(1), {.events = 1}, times.measured + milliseconds(20 * i));
  }
  Outcome conflict;
  conflict.error = "VERSION_CONFLICT";
  result.recorder.Record(Kind::kAppend, milliseconds(1), conflict, times.measured);
  result.recorder.Record(Kind::kAppend, seconds(9), {.events = 1}, times.measured - milliseconds(1));
  result.recorder.Record(Kind::kAppend, seconds(9), {.events = 1}, times.end);
  result.seconds = 2;
  return result;
}

TEST(ReportTest, OnlyTheMeasuredTimeCounts) {
  const auto json = nlohmann::json::parse(ToJson(Appending(), TwoSeconds()));
  const auto& append = json.at("operations").at("append");
  EXPECT_EQ(append.at("operations"), 100);
  EXPECT_EQ(append.at("events_per_second"), 50);
  EXPECT_NEAR(append.at("latency_ms").at("p99.9").get<double>(), 1, 0.01);
  EXPECT_EQ(append.at("errors").at("VERSION_CONFLICT"), 1);
  EXPECT_EQ(json.at("series").size(), 2U);
  EXPECT_EQ(json.at("series").at(1).at("operations"), 50);
  EXPECT_TRUE(json.at("verified").is_null());
}

TEST(ReportTest, TheTableHasRatesErrorsAndTheVerdict) {
  RunResult result = TwoSeconds();
  result.verified = VerifyResult{};
  result.verified->acknowledged = 5;
  result.verified->found.lost = 1;
  std::ostringstream out;
  PrintResult(out, {}, Appending(), result);
  EXPECT_THAT(out.str(), HasSubstr("append        50        50    1.00"));
  EXPECT_THAT(out.str(), HasSubstr("append: 1 VERSION_CONFLICT"));
  EXPECT_THAT(out.str(), HasSubstr("VIOLATED: 0 of 5"));
}

TEST(ReportTest, ARunWithoutResultIsShownToo) {
  RunResult result;
  result.hopeless = "UNIMPLEMENTED: <no> such method";
  std::ostringstream out;
  PrintResult(out, {}, Appending(), result);
  EXPECT_THAT(out.str(), HasSubstr("ended early: UNIMPLEMENTED"));
  EXPECT_THAT(ResultHtml(Appending(), result), HasSubstr("&lt;no&gt;"));
  EXPECT_THAT(ResultSvg(Appending(), result), Not(HasSubstr("nan")));
}

TEST(ReportTest, ChartsHaveALineForEachSeries) {
  const std::string svg = ResultSvg(Appending(), TwoSeconds());
  EXPECT_THAT(svg, HasSubstr("Latency by percentile"));
  EXPECT_THAT(svg, HasSubstr(">append</text>"));
  EXPECT_THAT(svg, HasSubstr(">p99</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(ReportTest, MillisecondsKeepThreeDigits) {
  EXPECT_EQ(Milliseconds(482'000), "0.482");
  EXPECT_EQ(Milliseconds(4'820'000), "4.82");
  EXPECT_EQ(Milliseconds(48'200'000), "48.2");
  EXPECT_EQ(Milliseconds(482'000'000), "482");
  EXPECT_EQ(Milliseconds(4'820'000'000), "4,820");
}

}  // namespace
}  // namespace eventstore::eventbench
