#include "server/settings/settings.h"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eventstore::settings {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Environment Home() { return {{"HOME", "/home/someone"}}; }

Environment With(const std::string& name, const std::string& value) {
  auto environment = Home();
  environment[name] = value;
  return environment;
}

Settings Parsed(const std::vector<std::string>& args, const Environment& environment = Home()) {
  const auto command = ParseCommandLine(args, environment);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.ok() ? command->settings : Settings{};
}

std::string Printed(std::vector<std::string> args, const Environment& environment = Home()) {
  args.emplace_back("--print-config");
  const auto command = ParseCommandLine(args, environment);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.ok() ? command->text : "";
}

std::string Refusal(const std::vector<std::string>& args, const Environment& environment = Home()) {
  const auto command = ParseCommandLine(args, environment);
  EXPECT_EQ(command.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(command.status().message());
}

std::string FileWith(const std::string& content) {
  const std::string path =
      ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
  std::ofstream(path) << content;
  return path;
}

TEST(SettingsTest, DefaultsAreTheDocumentedOnes) {
  const auto settings = Parsed({});
  EXPECT_EQ(settings.grpc_listen, "127.0.0.1:50051");
  EXPECT_EQ(settings.http_listen, "127.0.0.1:8080");
  EXPECT_EQ(settings.database_url, "");
  EXPECT_EQ(settings.lanes, 2);
  EXPECT_EQ(settings.read_connections, 4);
  EXPECT_EQ(settings.max_queue, 4096);
  EXPECT_EQ(settings.default_deadline_ms, 30000);
  EXPECT_EQ(settings.close_chunks_seconds, 300);
  EXPECT_EQ(settings.drain_seconds, 10);
  EXPECT_TRUE(settings.housekeeper);
  EXPECT_EQ(settings.housekeeper_lock_timeout_ms, 5000);
  EXPECT_EQ(settings.housekeeper_retry_seconds, 60);
  EXPECT_EQ(settings.compress_after_days, 0);
  EXPECT_EQ(settings.keep_runs_days, 90);
  EXPECT_EQ(settings.retention_days, 0);
  EXPECT_EQ(settings.log_level, "info");
  EXPECT_EQ(settings.log_format, "text");
  EXPECT_EQ(settings.slow_request_ms, 1000);
  EXPECT_EQ(settings.sample_groups_seconds, 15);
  EXPECT_FALSE(settings.insecure);
  EXPECT_FALSE(settings.no_migrate);
  EXPECT_NE(settings.data_dir, "");
}

TEST(SettingsTest, FlagWinsOverEnvironmentOverFileOverDefault) {
  const auto file = FileWith("lanes = 5\nread_connections = 6\nmax_queue = 7\n");
  auto environment = With("EVENTSTORE_LANES", "8");
  environment["EVENTSTORE_READ_CONNECTIONS"] = "9";
  const std::vector<std::string> args = {"--config", file, "--lanes", "10"};
  const auto settings = Parsed(args, environment);
  EXPECT_EQ(settings.lanes, 10);
  EXPECT_EQ(settings.read_connections, 9);
  EXPECT_EQ(settings.max_queue, 7);
  EXPECT_EQ(settings.drain_seconds, 10);

  const auto printed = Printed(args, environment);
  EXPECT_THAT(printed, HasSubstr("# flag --lanes\n"));
  EXPECT_THAT(printed, HasSubstr("# environment EVENTSTORE_READ_CONNECTIONS\n"));
  EXPECT_THAT(printed, HasSubstr("# file " + file + ", line 3\n"));
  EXPECT_THAT(printed, HasSubstr("# default\n"));
}

TEST(SettingsTest, ConfigFileMayBeNamedInTheEnvironment) {
  EXPECT_EQ(Parsed({}, With("EVENTSTORE_CONFIG", FileWith("insecure = true\n"))).insecure, true);
}

TEST(SettingsTest, NamesOfTheOlderSystemsAreHonoured) {
  EXPECT_EQ(Parsed({}, With("DATABASE_URL", "postgres://db/events")).database_url, "postgres://db/events");
  EXPECT_EQ(Parsed({}, With("EVENTS_RETENTION_DAYS", "90")).retention_days, 90);
  auto both = With("DATABASE_URL", "postgres://old/events");
  both["EVENTSTORE_DATABASE_URL"] = "postgres://new/events";
  EXPECT_EQ(Parsed({}, both).database_url, "postgres://new/events");
}

TEST(SettingsTest, AnEmptyVariableCountsAsNotSet) {
  EXPECT_EQ(Parsed({}, With("EVENTS_RETENTION_DAYS", "")).retention_days, 0);
}

TEST(SettingsTest, PasswordsAreNeverPrinted) {
  const auto printed =
      Printed({}, With("DATABASE_URL", "postgres://me:hun:t@er2@db/events?sslpassword=hunter2&application_name=x"));
  EXPECT_THAT(printed,
              AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("er2")), HasSubstr("postgres://me:***@db/events")));
  EXPECT_THAT(Refusal({}, With("DATABASE_URL", "hunter2 hunter2")), Not(HasSubstr("hunter2")));
}

TEST(SettingsTest, MaskSecretsKeepsTheRest) {
  EXPECT_EQ(MaskSecrets("host=db password = 'a b\\'c' user=me"), "host=db password = *** user=me");
  EXPECT_EQ(MaskSecrets("host=db passfile=/x/passfile"), "host=db passfile=/x/passfile");
  EXPECT_EQ(MaskSecrets("postgres://me@db:5432/events"), "postgres://me@db:5432/events");
  EXPECT_EQ(MaskSecrets("postgresql://db/events?password=x&user=me"), "postgresql://db/events?password=***&user=me");
}

TEST(SettingsTest, AnAddressOthersCanReachNeedsInsecure) {
  for (const char* open : {"0.0.0.0:50051", "[::]:50051", "192.0.2.1:1", "example.org:50051"}) {
    EXPECT_THAT(Refusal({"--grpc-listen", open}), HasSubstr("--insecure")) << open;
    EXPECT_THAT(Refusal({"--http-listen", open}), HasSubstr("--insecure")) << open;
    EXPECT_EQ(Parsed({"--grpc-listen", open, "--insecure"}).grpc_listen, open);
    EXPECT_EQ(Parsed({"--grpc-listen", open, "--tls-cert", "a", "--tls-key", "b"}).grpc_listen, open);
  }
  for (const char* closed : {"127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:0"}) {
    EXPECT_EQ(Parsed({"--grpc-listen", closed}).grpc_listen, closed);
  }
}

TEST(SettingsTest, UnknownKeysAndFlagsNameTheNearest) {
  EXPECT_THAT(Refusal({"--config", FileWith("\ngrpc_lisen = \"127.0.0.1:1\"\n")}),
              AllOf(HasSubstr("line 2"), HasSubstr("'grpc_listen'")));
  EXPECT_THAT(Refusal({"--lane", "3"}), HasSubstr("--lanes"));
  EXPECT_THAT(Refusal({"--database-url=postgres://db/events"}), HasSubstr("set DATABASE_URL"));
  EXPECT_THAT(Refusal({"serve"}), HasSubstr("unexpected argument 'serve'"));
}

struct Bad {
  std::vector<std::string> args;
  std::string reason;
};

class BadSettingTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadSettingTest, IsRefusedWithItsName) {
  const auto refusal = Refusal(GetParam().args);
  EXPECT_THAT(refusal, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSettingTest,
    ::testing::Values(
        Bad{{"--lanes", "0"}, "lanes '0' (flag --lanes) must be a whole number from 1 to 64"},
        Bad{{"--lanes", "65"}, "from 1 to 64"}, Bad{{"--lanes", "2x"}, "whole number"},
        Bad{{"--lanes", "99999999999"}, "whole number"}, Bad{{"--read-connections", "-1"}, "read_connections"},
        Bad{{"--max-queue", "1e3"}, "max_queue"}, Bad{{"--drain-seconds", "3601"}, "drain_seconds"},
        Bad{{"--close-chunks-seconds", "-1"}, "close_chunks_seconds"},
        Bad{{"--retention-days", "-1"}, "retention_days"}, Bad{{"--default-deadline-ms", "0"}, "default_deadline_ms"},
        Bad{{"--grpc-listen", "50051"}, "HOST:PORT"}, Bad{{"--grpc-listen", "127.0.0.1:65536"}, "HOST:PORT"},
        Bad{{"--grpc-listen", "::1:50051"}, "HOST:PORT"}, Bad{{"--grpc-listen", ":50051"}, "HOST:PORT"},
        Bad{{"--http-listen", "127.0.0.1:50051"}, "another port"}, Bad{{"--log-level", "loud"}, "log_level"},
        Bad{{"--log-format", "xml"}, "text or json"}, Bad{{"--config", "/nonexistent/file"}, "cannot be read"}));

TEST(SettingsTest, AFileMustBeTomlOfPlainValues) {
  EXPECT_THAT(Refusal({"--config", FileWith("lanes = = 2\n")}), HasSubstr("line 1"));
  EXPECT_THAT(Refusal({"--config", FileWith("lanes = 2.5\n")}), HasSubstr("'lanes'"));
  EXPECT_THAT(Refusal({"--config", FileWith("lanes = [2]\n")}), HasSubstr("'lanes'"));
  EXPECT_THAT(Refusal({"--config", FileWith("config = \"x\"\n")}), HasSubstr("no setting 'config'"));
  EXPECT_THAT(Refusal({"--config", FileWith("insecure = \"maybe\"\n")}), HasSubstr("true or false"));
}

TEST(SettingsTest, HelpNamesEverySettingItsVariableAndDefault) {
  const auto command = ParseCommandLine({"--help"}, Home());
  ASSERT_TRUE(command.ok());
  EXPECT_THAT(command->text,
              AllOf(HasSubstr("--grpc-listen"), HasSubstr("EVENTSTORE_GRPC_LISTEN"), HasSubstr("127.0.0.1:50051"),
                    HasSubstr("DATABASE_URL"), HasSubstr("EVENTS_RETENTION_DAYS"), HasSubstr("Examples:")));
}

// What --print-config shows can be kept as a config file, and then means the same.
TEST(SettingsTest, PrintedSettingsAreAConfigFile) {
  const auto printed = Printed({"--lanes", "7", "--data-dir", R"(/a "quoted" \ folder)"});
  const auto settings = Parsed({"--config", FileWith(printed)});
  EXPECT_EQ(settings.lanes, 7);
  EXPECT_EQ(settings.data_dir, R"(/a "quoted" \ folder)");
}

}  // namespace
}  // namespace eventstore::settings
