#include "tests/support/server_process.h"

#include <fcntl.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // messages without a generated stub
#include <httplib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <optional>
#include <system_error>

#include "fmt/format.h"
#include "grpc/health/v1/health.pb.h"

namespace eventstore::testing {
namespace {

constexpr char kServingLine[] = "serving gRPC on ";
constexpr char kHttpPart[] = " and HTTP on ";

// The word in `text` that follows `before`.
std::string WordAfter(const std::string& text, const std::string& before) {
  const std::size_t begin = text.find(before) + before.size();
  return text.substr(begin, text.find_first_of(" \n", begin) - begin);
}

std::vector<std::string> Arguments(const ServerProcess::Options& options) {
  std::vector<std::string> args{EVENTSTORED_BINARY, "--grpc-listen", fmt::format("127.0.0.1:{}", options.grpc_port),
                                "--http-listen", "127.0.0.1:0"};
  if (!options.data_dir.empty()) args.insert(args.end(), {"--data-dir", options.data_dir});
  args.insert(args.end(), options.args.begin(), options.args.end());
  return args;
}

std::vector<std::string> Environment(const ServerProcess::Options& options) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    variables[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  variables.erase("DATABASE_URL");
  if (!options.database_url.empty()) variables["DATABASE_URL"] = options.database_url;
  // A database that is there has its engine already.
  if (const char* engine = getenv("EVENTSTORE_TEST_ENGINE"); engine != nullptr && options.database_url.empty()) {
    variables["EVENTSTORE_ENGINE"] = engine;
  }
  for (const auto& [name, value] : options.environment) variables[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.emplace_back(name).append("=").append(value);
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool SaysServing(const std::string& address, const std::string& service) {
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  // The generated library has the messages of health but not its stub.
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  std::promise<grpc::Status> answered;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](const grpc::Status& status) { answered.set_value(status); });
  return answered.get_future().get().ok() && response.status() == HealthCheckResponse::SERVING;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(const Options& options) {
  // All memory the child needs is taken before the fork: afterwards it may only make system calls.
  std::vector<std::string> args = Arguments(options);
  std::vector<std::string> environment = Environment(options);
  const std::vector<char*> argv = Pointers(args);
  const std::vector<char*> envp = Pointers(environment);
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) {
    return absl::InternalError(fmt::format("pipe: {}", std::generic_category().message(errno)));
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // A test that dies takes its servers with it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    dup2(output[1], STDOUT_FILENO);
    dup2(output[1], STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(output[1]);
  if (pid < 0) {
    close(output[0]);
    return absl::InternalError(fmt::format("fork: {}", std::generic_category().message(errno)));
  }
  std::unique_ptr<ServerProcess> server(new ServerProcess(pid, output[0]));
  if (options.wait_until_serving) {
    if (absl::Status serving = server->AwaitServing(options); !serving.ok()) return serving;
  }
  return server;
}

ServerProcess::ServerProcess(pid_t pid, int output) : pid_(pid), reader_([this, output] { ReadOutput(output); }) {}

ServerProcess::~ServerProcess() {
  Kill();
  reader_.join();
}

void ServerProcess::ReadOutput(int output) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t size = read(output, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    const std::scoped_lock lock(mutex_);
    if (size > 0) log_.append(buffer.data(), static_cast<std::size_t>(size));
    output_closed_ = size <= 0;
    printed_.notify_all();
    if (output_closed_) break;
  }
  close(output);
}

absl::Status ServerProcess::AwaitServing(const Options& options) {
  const auto deadline = std::chrono::steady_clock::now() + options.patience;
  // With port 0 only the server knows where it listens.
  if (WaitForLog(kServingLine, options.patience)) {
    const std::string log = Log();
    address_ = WordAfter(log, kServingLine);
    http_address_ = WordAfter(log, kHttpPart);
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline - std::chrono::steady_clock::now());
    if (WaitUntilServing(left)) return absl::OkStatus();
  }
  return absl::UnavailableError(fmt::format("eventstored does not serve; it printed:\n{}", Log()));
}

bool ServerProcess::WaitUntilServing(std::chrono::seconds patience, const std::string& service) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  do {
    if (SaysServing(address_, service)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

absl::StatusOr<double> ServerProcess::Metric(const std::string& name) const {
  const std::size_t colon = http_address_.rfind(':');
  httplib::Client client(http_address_.substr(0, colon), std::atoi(http_address_.substr(colon + 1).c_str()));
  const auto answer = client.Get("/metrics");
  if (!answer) return absl::UnavailableError("no answer from " + http_address_);
  const std::string line = "\n" + name + " ";
  const std::size_t begin = answer->body.find(line);
  if (begin == std::string::npos) return absl::NotFoundError(name);
  return std::strtod(answer->body.c_str() + begin + line.size(), nullptr);
}

int ServerProcess::grpc_port() const { return std::atoi(address_.substr(address_.rfind(':') + 1).c_str()); }

void ServerProcess::Signal(int signal) const {
  if (exit_code_ < 0) kill(pid_, signal);
}

void ServerProcess::Pause() const {
  Signal(SIGSTOP);
  // Sent at once, SIGCONT would take the other back.
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED) != 0 && errno == EINTR) {
  }
  Signal(SIGCONT);
}

int ServerProcess::WaitForExit() {
  if (exit_code_ >= 0) return exit_code_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

void ServerProcess::Kill() {
  Signal(SIGKILL);
  WaitForExit();
}

int ServerProcess::Terminate() {
  Signal(SIGTERM);
  return WaitForExit();
}

std::string ServerProcess::Log() const {
  const std::scoped_lock lock(mutex_);
  return log_;
}

bool ServerProcess::WaitForLog(const std::string& text, std::chrono::seconds patience) {
  std::unique_lock lock(mutex_);
  const auto found = [&] { return log_.find(text) != std::string::npos; };
  printed_.wait_for(lock, patience, [&] { return found() || output_closed_; });
  return found();
}

}  // namespace eventstore::testing
