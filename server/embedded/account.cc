#include "server/embedded/account.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/embedded/process.h"

namespace eventstore::embedded {
namespace {

constexpr char kOwnAccount[] = "eventstore";

std::optional<Account> Lookup(const std::string& name) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return Account{entry.pw_uid, entry.pw_gid, name, true};
}

std::string NameOf(uid_t uid) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(uid);
  return entry.pw_name;
}

std::optional<Account> CreateOwnAccount() {
  const auto result = RunToEnd({.argv = {"/usr/sbin/useradd", "--system", "--user-group", "--no-create-home",
                                         "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", kOwnAccount},
                                .directory = "/"});
  if (!result.ok() || result->exit_code != 0) {
    spdlog::warn("embedded: could not add the system account {}: {}", kOwnAccount,
                 result.ok() ? result->output : std::string(result.status().message()));
    return std::nullopt;
  }
  spdlog::info("embedded: added the system account {} for PostgreSQL, which does not run as root", kOwnAccount);
  return Lookup(kOwnAccount);
}

}  // namespace

absl::StatusOr<Account> ChooseAccount(const std::string& pgdata) {
  const bool root = geteuid() == 0;
  struct stat info{};
  const bool exists = stat(pgdata.c_str(), &info) == 0;
  if (!root) {
    if (exists && info.st_uid != geteuid()) {
      return absl::FailedPreconditionError(
          fmt::format("{} belongs to the account {}, but this server runs as {}: start it as {} or root", pgdata,
                      NameOf(info.st_uid), NameOf(geteuid()), NameOf(info.st_uid)));
    }
    return Account{geteuid(), getegid(), NameOf(geteuid()), false};
  }
  if (exists) {
    if (info.st_uid == 0) {
      return absl::FailedPreconditionError(
          fmt::format("{} belongs to root, and PostgreSQL does not run as root: give it to an unprivileged account, "
                      "for example with "
                      "chown -R {} '{}'",
                      pgdata, kOwnAccount, pgdata));
    }
    return Account{info.st_uid, info.st_gid, NameOf(info.st_uid), true};
  }
  if (auto own = Lookup(kOwnAccount)) return *own;
  if (auto own = CreateOwnAccount()) return *own;
  for (const char* shared : {"postgres", "nobody"}) {
    if (auto account = Lookup(shared)) {
      spdlog::warn("embedded: PostgreSQL will run as the existing account {}", shared);
      return *account;
    }
  }
  return absl::FailedPreconditionError(
      "started as root, but there is no unprivileged account to run PostgreSQL with: add one (useradd --system "
      "eventstore) "
      "or start the server as an ordinary user");
}

}  // namespace eventstore::embedded
