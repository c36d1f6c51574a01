#include "server/observability/log_format.h"

#include <spdlog/details/log_msg.h>
#include <nlohmann/json.hpp>

#include "gmock/gmock.h"

namespace eventstore::observability {
namespace {

std::string Formatted(const std::string& message, const char* logger = "") {
  spdlog::details::log_msg line(spdlog::source_loc{}, logger, spdlog::level::warn, message);
  line.time = spdlog::log_clock::time_point(std::chrono::milliseconds{1'763'726'087'123});
  spdlog::memory_buf_t out;
  MakeJsonFormatter()->format(line, out);
  return {out.data(), out.size()};
}

TEST(JsonLog, OneObjectALine) {
  const std::string line = Formatted("hello");
  EXPECT_EQ(line, "{\"time\":\"2025-11-21T11:54:47.123Z\",\"level\":\"warning\",\"message\":\"hello\"}\n");
}

TEST(JsonLog, AnyMessageIsOneLineOfValidJson) {
  const std::string bad = std::string("two\nlines \"quoted\" \\ \x01 \xff\xfe \x1f,\"level\":\"forged\"}");
  const std::string line = Formatted(bad);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["level"], "warning");
  EXPECT_THAT(parsed["message"].get<std::string>(), ::testing::StartsWith("two\nlines \"quoted\" \\ \x01 ??"));
}

// What Log writes goes to standard output, which this captures.
std::string Written(LogFormat format, const std::string& level = "info") {
  ::testing::internal::CaptureStdout();
  {
    const Log log(format, level);
    log.Write(spdlog::level::warn, "request failed",
              {{"method", "a/B"}, {"text", "with \"quotes\" and\nlines"}, {"duration_ms", 1.5}});
    spdlog::info("plain");
    spdlog::default_logger()->flush();
  }
  std::fflush(stdout);
  return ::testing::internal::GetCapturedStdout();
}

TEST(JsonLog, FieldsStandBesideTheMessage) {
  const std::string text = Written(LogFormat::kJson);
  const auto first = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(first["message"], "request failed");
  EXPECT_EQ(first["method"], "a/B");
  EXPECT_EQ(first["text"], "with \"quotes\" and\nlines");
  EXPECT_EQ(first["duration_ms"], 1.5);
  const auto second = nlohmann::json::parse(text.substr(text.find('\n') + 1));
  EXPECT_EQ(second["message"], "plain");
}

TEST(TextLog, FieldsFollowTheMessage) {
  EXPECT_THAT(Written(LogFormat::kText), ::testing::HasSubstr("request failed method=a/B text=with "));
}

TEST(TextLog, NothingBelowItsLevel) { EXPECT_EQ(Written(LogFormat::kText, "error"), ""); }

}  // namespace
}  // namespace eventstore::observability
