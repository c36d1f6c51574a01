#include "server/settings/settings.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "server/domain/retention.h"
#include "server/settings/command_line.h"
#include "server/settings/config_file.h"
#include "server/settings/listen_address.h"
#include "server/settings/table.h"

namespace eventstore::settings {
namespace {

struct Sourced {
  std::string text;
  std::string source;  // "flag --lanes", "environment EVENTSTORE_LANES", "file x.toml, line 3" or "default"
};

absl::Status Wrong(const Setting& setting, const Sourced& value, const std::string& what) {
  const std::string shown = setting.kind == Kind::kDatabase ? "" : fmt::format(" '{}'", value.text);
  return absl::InvalidArgumentError(fmt::format("{}{} ({}) {}", setting.name, shown, value.source, what));
}

absl::Status SetNumber(const Setting& setting, const Sourced& value, int& target) {
  const char* end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, target);
  if (error == std::errc() && rest == end && target >= setting.min && target <= setting.max) return absl::OkStatus();
  return Wrong(setting, value, fmt::format("must be a whole number from {} to {}", setting.min, setting.max));
}

absl::Status SetSwitch(const Setting& setting, const Sourced& value, bool& target) {
  for (const char* yes : {"true", "1", "yes", "on"}) {
    if (value.text == yes) return target = true, absl::OkStatus();
  }
  for (const char* no : {"false", "0", "no", "off", ""}) {
    if (value.text == no) return target = false, absl::OkStatus();
  }
  return Wrong(setting, value, "must be true or false");
}

absl::Status CheckDatabase(const Setting& setting, const Sourced& value) {
  char* ignored = nullptr;  // libpq's words may quote a part of the password
  PQconninfoOption* parsed = PQconninfoParse(value.text.c_str(), &ignored);
  PQfreemem(ignored);
  if (parsed == nullptr) {
    return Wrong(setting, value,
                 "is not a PostgreSQL URL or connection string: write postgres://user:password@host:5432/name, "
                 "with special characters of the password %-encoded");
  }
  PQconninfoFree(parsed);
  return absl::OkStatus();
}

absl::Status CheckDaysByType(const Setting& setting, const Sourced& value) {
  const auto rules = domain::ParseRetentionByType(value.text);
  if (rules.ok()) return absl::OkStatus();
  return Wrong(setting, value, fmt::format("is not understood: {}", std::string(rules.status().message())));
}

absl::Status SetText(const Setting& setting, const Sourced& value, std::string& target) {
  target = value.text;
  switch (setting.kind) {
    case Kind::kListen:
      if (!ParseListenAddress(value.text)) {
        return Wrong(setting, value, "must be HOST:PORT, for example 127.0.0.1:50051 or [::1]:50051");
      }
      return absl::OkStatus();
    case Kind::kLogLevel: {
      constexpr std::array kLevels = {"trace", "debug", "info", "warn", "error", "off"};
      if (std::ranges::find(kLevels, value.text) != kLevels.end()) return absl::OkStatus();
      return Wrong(setting, value, "must be one of trace, debug, info, warn, error, off");
    }
    case Kind::kLogFormat:
      if (value.text == "text" || value.text == "json") return absl::OkStatus();
      return Wrong(setting, value, "must be text or json");
    case Kind::kArchive:
      if (value.text == "files" || value.text == "none") return absl::OkStatus();
      return Wrong(setting, value, "must be files or none");
    case Kind::kDaysByType:
      return CheckDaysByType(setting, value);
    case Kind::kEngine:
      if (value.text.empty() || value.text == "timescaledb" || value.text == "native") return absl::OkStatus();
      return Wrong(setting, value, "must be timescaledb or native, or empty");
    case Kind::kDatabase:
      return value.text.empty() ? absl::OkStatus() : CheckDatabase(setting, value);
    case Kind::kFolder:
      if (!value.text.empty()) return absl::OkStatus();
      return Wrong(setting, value, fmt::format("is empty: give a folder with {}", setting.Flag()));
    default:
      return absl::OkStatus();
  }
}

absl::Status Apply(const Setting& setting, const Sourced& value, Settings& settings) {
  if (const auto* text = std::get_if<std::string Settings::*>(&setting.member))
    return SetText(setting, value, settings.*(*text));
  if (const auto* number = std::get_if<int Settings::*>(&setting.member))
    return SetNumber(setting, value, settings.*(*number));
  return SetSwitch(setting, value, settings.*(std::get<bool Settings::*>(setting.member)));
}

// Set but empty counts as not set, as in most container tooling.
std::optional<Sourced> FromEnvironment(const Setting& setting, const Environment& environment) {
  for (const auto& name : {setting.Variable(), setting.also_env}) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return Sourced{found->second, "environment " + name};
  }
  return std::nullopt;
}

Sourced Resolve(const Setting& setting, const Flags& flags, const Environment& environment,
                const std::map<std::string, FileValue>& file, const std::string& file_name) {
  if (const auto flag = flags.values.find(setting.name); flag != flags.values.end())
    return {flag->second, "flag " + setting.Flag()};
  if (auto variable = FromEnvironment(setting, environment)) return *variable;
  if (const auto line = file.find(setting.name); line != file.end()) {
    return {line->second.text, fmt::format("file {}, line {}", file_name, line->second.line)};
  }
  return {setting.default_value, "default"};
}

absl::Status CheckReach(const Setting& setting, const Sourced& value, const Settings& settings) {
  if (setting.kind != Kind::kListen || settings.insecure || !settings.tls_cert.empty()) return absl::OkStatus();
  if (const auto address = ParseListenAddress(value.text); address && address->IsLoopback()) return absl::OkStatus();
  return Wrong(
      setting, value,
      "can be reached from other machines, and without TLS anybody reads and writes what passes: give --tls-cert and "
      "--tls-key (`eventctl dev-certs DIR` makes some for a try), listen on 127.0.0.1, or add --insecure when the "
      "network "
      "is trusted");
}

absl::Status CheckTls(const Settings& settings) {
  if (settings.tls_cert.empty() != settings.tls_key.empty()) {
    return absl::InvalidArgumentError(fmt::format("{} is given without {}: TLS needs both",
                                                  settings.tls_cert.empty() ? "tls_key" : "tls_cert",
                                                  settings.tls_cert.empty() ? "tls_cert" : "tls_key"));
  }
  if (settings.tls_cert.empty() && !(settings.tls_client_ca.empty() && settings.http_tls_client_ca.empty())) {
    return absl::InvalidArgumentError(
        "a client CA is given without tls_cert and tls_key: clients can only show certificates over TLS");
  }
  return absl::OkStatus();
}

absl::Status CheckAudit(const Settings& settings) {
  if (!settings.audit_metadata || !settings.auth_keys.empty() || !settings.jwt_jwks.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "audit_metadata is on, and nobody is asked who they are: give auth_keys or jwt_jwks too");
}

std::string TomlText(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\u{:04x}", byte);
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string PrintedLine(const Setting& setting, const Sourced& value) {
  const bool text = std::holds_alternative<std::string Settings::*>(setting.member);
  const std::string shown = setting.kind == Kind::kDatabase ? MaskSecrets(value.text) : value.text;
  const std::string line =
      fmt::format("{}{} = {}", setting.in_file ? "" : "# ", setting.name, text ? TomlText(shown) : shown);
  return fmt::format("{:<44} # {}\n", line, value.source);
}

}  // namespace

std::string ArchiveDir(const Settings& settings) {
  if (!settings.archive_dir.empty()) return settings.archive_dir;
  return settings.database_url.empty() ? settings.data_dir + "/archive" : "";
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

absl::StatusOr<Command> ParseCommandLine(const std::vector<std::string>& args, const Environment& environment) {
  const auto table = SettingsTable(environment, geteuid() == 0);
  const auto flags = ReadFlags(args, table);
  if (!flags.ok()) return flags.status();
  Command command;
  command.text = flags->text;
  if (!command.text.empty()) return command;

  std::vector<std::string> keys;
  for (const auto& setting : table) {
    if (setting.in_file) keys.push_back(setting.name);
  }
  const std::string file_name = Resolve(table.front(), *flags, environment, {}, "").text;
  std::map<std::string, FileValue> file;
  if (!file_name.empty()) {
    auto read = ReadConfigFile(file_name, keys);
    if (!read.ok()) return read.status();
    file = *std::move(read);
  }
  std::map<std::string, Sourced> values;
  for (const auto& setting : table) {
    const auto& value = values[setting.name] = Resolve(setting, *flags, environment, file, file_name);
    if (auto status = Apply(setting, value, command.settings); !status.ok()) return status;
  }
  for (const auto& setting : table) {
    if (auto status = CheckReach(setting, values[setting.name], command.settings); !status.ok()) return status;
    if (flags->print_config) command.text += PrintedLine(setting, values[setting.name]);
  }
  if (auto status = CheckTls(command.settings); !status.ok()) return status;
  if (auto status = CheckAudit(command.settings); !status.ok()) return status;
  const auto grpc = ParseListenAddress(command.settings.grpc_listen);
  if (grpc && grpc->port != 0 && command.settings.grpc_listen == command.settings.http_listen) {
    return absl::InvalidArgumentError(fmt::format(
        "grpc_listen and http_listen are both {}: give one of them another port", command.settings.grpc_listen));
  }
  return command;
}

}  // namespace eventstore::settings
