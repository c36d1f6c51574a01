// eventctl auth: keys for those who call, and whether a file of identities is right. No server is asked.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/security/api_key.h"
#include "server/security/key_file.h"
#include "server/security/reread_file.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

struct NewKeyFlags {
  std::string name;
  std::vector<std::string> roles;
  std::vector<std::string> aggregate_types;
  std::vector<std::string> user_ids;
  std::vector<std::string> event_types;
  std::string key_file;
};

std::string TomlText(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string TomlList(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const auto& text : texts) quoted.push_back(TomlText(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string TomlOf(const NewKeyFlags& flags, const std::string& hash) {
  std::string toml = fmt::format("[[identity]]\nname = {}\nkey_sha256 = \"{}\"\nroles = {}\n", TomlText(flags.name),
                                 hash, TomlList(flags.roles));
  const auto limit = [&](const char* key, const std::vector<std::string>& texts) {
    if (!texts.empty()) toml += fmt::format("{} = {}\n", key, TomlList(texts));
  };
  limit("aggregate_types", flags.aggregate_types);
  limit("user_ids", flags.user_ids);
  limit("event_types", flags.event_types);
  return toml;
}

// A new file that nobody else may read; one that is there is left alone.
absl::Status WriteSecret(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} cannot be made ({}); name a file that is not there yet", path, std::strerror(errno)));
  }
  const std::string line = text + "\n";
  const bool written = write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (close(file) == 0 && written) return absl::OkStatus();
  return absl::InternalError(fmt::format("{} could not be written: {}", path, std::strerror(errno)));
}

ExitCode RunNewKey(const NewKeyFlags& flags, Context& context) {
  const auto key = security::MakeKey();
  if (!key) return ReportError(context, "make a key", absl::InternalError("the system gave no random bytes"));
  const std::string hash = security::HexOf(security::HashOf(*key));
  const std::string toml = TomlOf(flags, hash);
  // What the server would refuse is refused here, before anybody uses the key.
  if (auto parsed = security::KeyFile::Parse(toml); !parsed.ok()) {
    return ReportUsage(context, std::string(parsed.status().message()));
  }
  if (!flags.key_file.empty()) {
    if (absl::Status written = WriteSecret(flags.key_file, *key); !written.ok()) {
      return ReportError(context, "write the key", written);
    }
  }
  if (context.json) {
    context.out << JsonObject()
                       .Add("name", flags.name)
                       .AddOrNull("key", flags.key_file.empty() ? *key : "")
                       .AddOrNull("key_file", flags.key_file)
                       .Add("key_sha256", hash)
                       .Add("toml", toml)
                       .Text()
                << '\n';
    return kOk;
  }
  // Apart, so that the lines can go straight into the server's file and the key cannot.
  context.out << toml;
  context.err
      << (flags.key_file.empty() ? fmt::format("The key, which is shown this once and kept nowhere:\n{}\n", *key)
                                 : fmt::format("The key is in {}.\n", flags.key_file))
      << "The lines are for the file that the server reads with --auth-keys; it takes them in without a restart.\n";
  return kOk;
}

std::string LimitsText(const domain::access::Limits& limits) {
  std::vector<std::string> parts;
  const auto add = [&](const char* what, const std::vector<std::string>& texts) {
    if (!texts.empty()) parts.push_back(fmt::format("{} {}", what, fmt::join(texts, " ")));
  };
  auto types = limits.event_types;
  for (const auto& prefix : limits.event_type_prefixes) types.push_back(prefix + "*");
  add("aggregate types", limits.aggregate_types);
  add("users", limits.user_ids);
  add("event types", types);
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, "; "));
}

ExitCode RunCheck(const std::string& path, Context& context) {
  auto text = security::ReadSmallFile(path, security::kMaxKeyFileBytes);
  auto file = text.ok() ? security::KeyFile::Parse(*text) : absl::StatusOr<security::KeyFile>(text.status());
  if (!file.ok()) {
    ReportError(context, "use " + path, file.status());
    return context.exit_code = kNegative;
  }
  for (const auto& listed : file->listed()) {
    const auto& identity = *listed.identity;
    if (context.json) {
      const auto list = [](const std::vector<std::string>& texts) {
        return JsonArray(texts, [](const auto& one) { return JsonString(one); });
      };
      auto types = identity.limits.event_types;
      for (const auto& prefix : identity.limits.event_type_prefixes) types.push_back(prefix + "*");
      context.out << JsonObject()
                         .Add("name", identity.name)
                         .Add("roles", identity.roles.Joined(" "))
                         .Add("keys", listed.keys)
                         .AddRaw("certificates", list(listed.certificates))
                         .AddRaw("aggregate_types", list(identity.limits.aggregate_types))
                         .AddRaw("user_ids", list(identity.limits.user_ids))
                         .AddRaw("event_types", list(types))
                         .Text()
                  << '\n';
    } else {
      context.out << fmt::format("{}: {}; {} keys, {} certificates; limits: {}\n", identity.name,
                                 identity.roles.Joined(" "), listed.keys, listed.certificates.size(),
                                 LimitsText(identity.limits));
    }
  }
  return kOk;
}

void AddNewKey(CLI::App& auth, Context& context) {
  auto flags = std::make_shared<NewKeyFlags>();
  CLI::App* command = auth.add_subcommand("new-key", "A new key, and the lines of the server's file for it");
  AddFlag(*command, "NAME", flags->name, "NAME", "Who it is for, as logs will name them")->required();
  AddList(*command, "--role", flags->roles, "ROLE", "reader, writer, operator or admin")->required();
  AddList(*command, "--aggregate-type", flags->aggregate_types, "TYPE", "Limit to events of this aggregate type");
  AddList(*command, "--user", flags->user_ids, "USER", "Limit to events of this user id");
  AddList(*command, "--event-type", flags->event_types, "TYPE",
          "Limit to this event type; order.* is all that begin so");
  AddFlag(*command, "--key-file", flags->key_file, "FILE", "Write the key to this new file instead of showing it");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl auth new-key orders --role reader --role writer >> keys.toml\n"
            "  eventctl auth new-key ada --role reader --user ada --key-file ada.key >> keys.toml\n"
            "  eventctl --token-file ada.key user ada");
  command->callback([flags, &context] { context.exit_code = RunNewKey(*flags, context); });
}

void AddCheck(CLI::App& auth, Context& context) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = auth.add_subcommand("check", "Whether a file of identities is right, and what it says");
  AddFlag(*command, "FILE", *path, "FILE", "As the server reads it with --auth-keys")->required();
  AddFooter(*command,
            "Examples:\n"
            "  eventctl auth check keys.toml\n"
            "  eventctl auth check keys.toml.new && mv keys.toml.new keys.toml");
  command->callback([path, &context] { context.exit_code = RunCheck(*path, context); });
}

}  // namespace

void AddAuth(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("auth", "Keys for those who call: new-key, check");
  command->require_subcommand(1, 1);
  AddNewKey(*command, context);
  AddCheck(*command, context);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl auth new-key orders --role reader --role writer >> keys.toml\n"
            "  eventctl auth check keys.toml");
}

}  // namespace eventstore::eventctl
