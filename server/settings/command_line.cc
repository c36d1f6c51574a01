#include "server/settings/command_line.h"

#include <algorithm>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "server/version/version.h"

namespace eventstore::settings {
namespace {

constexpr char kIntroduction[] =
    "eventstored: an event store over gRPC, on PostgreSQL, with TimescaleDB or without.\n"
    "Each setting comes from its flag, else its environment variable, else the config file, else its default.";

constexpr char kExamples[] =
    "Examples:\n"
    "  eventstored                                        a private database in the default data directory\n"
    "  eventstored --data-dir /srv/events --log-level debug\n"
    "  DATABASE_URL=postgres://me@db/events eventstored   a database of yours\n"
    "  eventstored --config /etc/eventstored.toml --print-config\n"
    "  eventstored --grpc-listen 0.0.0.0:50051 --insecure   on a trusted network only\n";

// Lines of at most `width` characters, broken at spaces.
std::string Wrapped(const std::string& text, std::size_t width) {
  std::string lines;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto space = std::min(text.find(' ', at), text.size());
    const auto word = text.substr(at, space - at);
    if (column > 0 && column + 1 + word.size() > width) {
      lines += '\n';
      column = 0;
    } else if (column > 0) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
    at = space + 1;
  }
  return lines;
}

std::string Described(const Setting& setting) {
  std::string facts = setting.kind == Kind::kSwitch || setting.default_value.empty()
                          ? fmt::format("[{}", setting.Variable())
                          : fmt::format("[default {}; {}", setting.default_value, setting.Variable());
  if (!setting.also_env.empty()) facts += fmt::format(" or {}", setting.also_env);
  return Wrapped(setting.doc, 72) + "\n" + facts + "]";
}

std::string SettingsWithoutFlag(const std::vector<Setting>& table) {
  std::string text = "From the environment or the config file only, since a flag shows in the list of processes:\n";
  for (const auto& setting : table) {
    if (setting.has_flag) continue;
    std::string described = Described(setting);
    for (std::size_t at = described.find('\n'); at != std::string::npos; at = described.find('\n', at + 34)) {
      described.insert(at + 1, std::string(33, ' '));
    }
    text += fmt::format("  {:<30} {}\n", setting.name, described);
  }
  return text;
}

absl::Status UnknownArgument(const std::string& argument, const std::vector<Setting>& table) {
  if (!argument.starts_with('-')) {
    return absl::InvalidArgumentError(
        fmt::format("unexpected argument '{}': every setting is a flag, see --help", argument));
  }
  std::vector<std::string> flags = {"--help", "--version", "--print-config"};
  for (const auto& setting : table) {
    if (setting.has_flag)
      flags.push_back(setting.Flag());
    else if (argument.starts_with(setting.Flag())) {
      return absl::InvalidArgumentError(
          fmt::format("{} is no flag, since flags show in the list of processes: set {} instead", setting.Flag(),
                      setting.also_env.empty() ? setting.Variable() : setting.also_env));
    }
  }
  const auto nearest = Nearest(argument.substr(0, argument.find('=')), flags);
  return absl::InvalidArgumentError(
      fmt::format("there is no flag {}{}", argument,
                  nearest.empty() ? "; see --help" : fmt::format("; did you mean {}?", nearest)));
}

}  // namespace

absl::StatusOr<Flags> ReadFlags(const std::vector<std::string>& args, const std::vector<Setting>& table) {
  Flags flags;
  CLI::App app(kIntroduction, "eventstored");
  app.allow_extras();
  app.get_formatter()->column_width(33);
  app.footer(SettingsWithoutFlag(table) + "\n" + kExamples);
  bool version = false;
  app.add_flag("--version", version, "Print the version and exit");
  app.add_flag("--print-config", flags.print_config,
               "Print the effective settings, and where each came from, and exit");
  std::map<std::string, std::string> texts;
  std::map<std::string, bool> switches;
  for (const auto& setting : table) {
    if (!setting.has_flag) continue;
    if (setting.kind == Kind::kSwitch) {
      app.add_flag(setting.Flag(), switches[setting.name], Described(setting));
    } else {
      app.add_option(setting.Flag(), texts[setting.name], Described(setting))
          ->type_name(setting.name == "config" ? "FILE" : setting.Placeholder())
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::CallForHelp&) {
    flags.text = app.help();
    return flags;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(fmt::format("{}; see --help", error.what()));
  }
  if (const auto extras = app.remaining(); !extras.empty()) return UnknownArgument(extras.front(), table);
  if (version) flags.text = VersionLine("eventstored") + "\n";
  for (const auto& setting : table) {
    if (!setting.has_flag || app.count(setting.Flag()) == 0) continue;
    flags.values[setting.name] =
        setting.kind == Kind::kSwitch ? (switches[setting.name] ? "true" : "false") : texts[setting.name];
  }
  return flags;
}

}  // namespace eventstore::settings
