#include "server/embedded/process.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace eventstore::embedded {
namespace {

constexpr int kCouldNotStart = 127;

std::string ErrnoText(int error) { return std::error_code(error, std::generic_category()).message(); }

// Everything from here to the end of ChildMain runs between fork and exec in a program with threads: only system
// calls, no allocation, no locks. The raw calls are meant: glibc's wrappers would look for other threads to change.
bool DropTo(const Account& account) {
  return syscall(SYS_setgroups, 0, nullptr) == 0 &&
         syscall(SYS_setresgid, account.gid, account.gid, account.gid) == 0 &&
         syscall(SYS_setresuid, account.uid, account.uid, account.uid) == 0;
}

void CloseFrom(unsigned first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  const long limit = sysconf(_SC_OPEN_MAX);
  for (long fd = first; fd < limit; ++fd) close(static_cast<int>(fd));
}

void ResetSignals() {
  for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM}) {
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void ChildMain(const ChildSpec& spec, char* const* argv, char* const* environment, int input_fd,
                            int output_fd, pid_t parent) {
  ResetSignals();
  setsid();
  umask(077);
  if (input_fd < 0) input_fd = open("/dev/null", O_RDONLY);
  if (input_fd < 0 || dup2(input_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0) _exit(kCouldNotStart);
  CloseFrom(3);
  if (spec.account && spec.account->drop && !DropTo(*spec.account)) _exit(kCouldNotStart);
  // After the change of account, which clears it.
  if (spec.signal_on_parent_death != 0) {
    prctl(PR_SET_PDEATHSIG, spec.signal_on_parent_death);
    if (getppid() != parent) _exit(kCouldNotStart);
  }
  if (chdir(spec.directory.c_str()) != 0) _exit(kCouldNotStart);
  execve(argv[0], argv, environment);
  _exit(kCouldNotStart);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::StatusOr<pid_t> Fork(const ChildSpec& spec, int input_fd, int output_fd) {
  std::vector<std::string> arguments = spec.argv;
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C.UTF-8", "TZ=UTC",
                                          "HOME=" + spec.directory};
  auto argv = Pointers(arguments);
  auto envp = Pointers(environment);
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid == 0) ChildMain(spec, argv.data(), envp.data(), input_fd, output_fd, self);
  if (pid < 0)
    return absl::ResourceExhaustedError(fmt::format("could not start {}: {}", spec.argv[0], ErrnoText(errno)));
  return pid;
}

struct Pipe {
  std::array<int, 2> fd{-1, -1};
  ~Pipe() {
    CloseEnd(0);
    CloseEnd(1);
  }
  bool Open() { return pipe2(fd.data(), O_CLOEXEC) == 0; }
  void CloseEnd(int end) {
    if (fd[end] >= 0) close(fd[end]);
    fd[end] = -1;
  }
};

std::string ReadToEnd(int fd) {
  std::string text;
  std::array<char, 4096> block{};
  for (;;) {
    const ssize_t got = read(fd, block.data(), block.size());
    if (got > 0) {
      text.append(block.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      return text;
    }
  }
}

int Await(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

int ExitCodeOf(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

absl::StatusOr<pid_t> Spawn(const ChildSpec& spec, int output_fd) { return Fork(spec, -1, output_fd); }

absl::StatusOr<ChildResult> RunToEnd(const ChildSpec& spec) {
  Pipe output;
  Pipe input;
  if (!output.Open() || !input.Open())
    return absl::ResourceExhaustedError("could not make a pipe: " + ErrnoText(errno));
  auto pid = Fork(spec, input.fd[0], output.fd[1]);
  if (!pid.ok()) return pid.status();
  output.CloseEnd(1);
  input.CloseEnd(0);
  // Inputs are a line or two, far below what a pipe holds, so this cannot block.
  const bool written = spec.input.empty() || write(input.fd[1], spec.input.data(), spec.input.size()) > 0;
  input.CloseEnd(1);
  ChildResult result;
  result.output = ReadToEnd(output.fd[0]);
  result.exit_code = ExitCodeOf(Await(*pid));
  if (result.exit_code == kCouldNotStart && result.output.empty()) {
    result.output = fmt::format("{} could not be started in {}{}", spec.argv[0], spec.directory,
                                spec.account ? " as " + spec.account->name : "");
  } else if (!written) {
    result.output += "\n(its input could not be written)";
  }
  return result;
}

absl::StatusOr<std::optional<std::string>> FirstClosedFolder(const Account& account, const std::string& path) {
  std::vector<std::string> folders;
  std::filesystem::path walked;
  for (const auto& part : std::filesystem::path(path)) {
    walked /= part;
    std::error_code ignored;
    if (!std::filesystem::exists(walked, ignored)) break;
    folders.push_back(walked.string());
  }
  // The answer comes back as an exit code: 0 for none, else the place in the list, from 1. Deeper paths than this are
  // cut: what matters is near the top.
  if (folders.size() > 100) folders.resize(100);
  const pid_t pid = fork();
  if (pid == 0) {
    if (account.drop && !DropTo(account)) _exit(kCouldNotStart);
    for (std::size_t i = 0; i < folders.size(); ++i) {
      if (access(folders[i].c_str(), X_OK) != 0) _exit(static_cast<int>(i) + 1);
    }
    _exit(0);
  }
  if (pid < 0) return absl::ResourceExhaustedError("could not start a process: " + ErrnoText(errno));
  const int code = ExitCodeOf(Await(pid));
  if (code == 0) return std::nullopt;
  if (code > static_cast<int>(folders.size())) {
    return absl::InternalError(fmt::format("could not change to the account {} (uid {})", account.name, account.uid));
  }
  return folders[static_cast<std::size_t>(code) - 1];
}

}  // namespace eventstore::embedded
