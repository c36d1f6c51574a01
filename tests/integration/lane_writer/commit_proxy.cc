#include "tests/integration/lane_writer/commit_proxy.h"

#include <libpq-fe.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "fmt/format.h"

namespace eventstore::testing {
namespace {

// Often enough to notice the end of the test; nothing waits for it otherwise.
constexpr int kPollMs = 20;

std::string OptionOf(const std::string& conninfo, const std::string& keyword) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(conninfo.c_str(), nullptr),
                                                                            &PQconninfoFree);
  for (const PQconninfoOption* option = parsed.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (keyword == option->keyword && option->val != nullptr) return option->val;
  }
  return "";
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("the socket's path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool SendAll(int socket, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t size = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return false;
    sent += static_cast<std::size_t>(size);
  }
  return true;
}

bool Receive(int socket, std::string& bytes) {
  std::array<char, 65536> buffer{};
  // Nobody calls this with the lock: BeforeCommit() and AfterCommit() have given it back.
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
  const ssize_t size = recv(socket, buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  bytes.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

std::size_t LengthAt(const std::string& bytes, std::size_t at) {
  std::size_t length = 0;
  for (std::size_t i = at; i < at + 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

// A Bind of the lane writer's prepared COMMIT: length, no portal name, the statement's name.
bool IsCommit(const std::string& message) {
  return message.starts_with('B') && message.compare(5, 15, std::string("\0append_commit\0", 15)) == 0;
}

}  // namespace

struct CommitProxy::Connection {
  int client = -1;
  int server = -1;
  bool started = false;     // the first message has no type
  bool committing = false;  // a COMMIT was sent, its Sync not yet
  std::string incoming;     // of the client, not yet a whole message
  ~Connection() {
    if (server >= 0) close(server);
    close(client);
  }
};

CommitProxy::CommitProxy(const std::string& conninfo)
    : host_(OptionOf(conninfo, "host")), port_(OptionOf(conninfo, "port")) {
  if (port_.empty()) port_ = "5432";
  // Of two values for one keyword libpq takes the later. Encrypted messages could not be told apart.
  conninfo_ = fmt::format("{} host='{}' port=5432 sslmode=disable gssencmode=disable", conninfo, folder_.path());
  const sockaddr_un address = UnixAddress(folder_.path() + "/.s.PGSQL.5432");
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 64) != 0) {
    throw std::runtime_error("the proxy cannot listen in " + folder_.path());
  }
  accepting_ = std::thread([this] { Accept(); });
}

CommitProxy::~CommitProxy() {
  stopping_ = true;
  Continue();
  accepting_.join();
  close(listener_);
}

void CommitProxy::Next(AtCommit action, bool stay_away) {
  const std::scoped_lock lock(mutex_);
  next_ = action;
  away_after_ = stay_away;
  held_ = continue_ = false;
}

bool CommitProxy::AwaitHeld() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::minutes(1), [this] { return held_; });
}

void CommitProxy::Continue() {
  const std::scoped_lock lock(mutex_);
  continue_ = true;
  changed_.notify_all();
}

void CommitProxy::Accept() {
  while (!stopping_) {
    pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { Serve(client); });
  }
  for (std::thread& thread : threads_) thread.join();
}

int CommitProxy::ConnectToServer() const {
  if (host_.starts_with('/')) {
    const sockaddr_un address = UnixAddress(host_ + "/.s.PGSQL." + port_);
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return -1;
    if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return connection;
    close(connection);
    return -1;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found) != 0) return -1;
  int connection = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection >= 0 && connect(connection, found->ai_addr, found->ai_addrlen) != 0) {
    close(connection);
    connection = -1;
  }
  freeaddrinfo(found);
  return connection;
}

void CommitProxy::Serve(int client) {
  Connection connection{.client = client, .server = -1, .started = false, .committing = false, .incoming = {}};
  if (away_) return;
  connection.server = ConnectToServer();
  while (connection.server >= 0 && !stopping_) {
    std::array<pollfd, 2> ready{{{connection.client, POLLIN, 0}, {connection.server, POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), kPollMs) < 0) return;
    if (ready[0].revents != 0 && !ToServer(connection)) return;
    if (ready[1].revents != 0 && !ToClient(connection)) return;
  }
}

bool CommitProxy::ToClient(Connection& connection) {
  std::string bytes;
  return Receive(connection.server, bytes) && SendAll(connection.client, bytes);
}

// Whole messages only, so that a COMMIT is seen as one.
bool CommitProxy::ToServer(Connection& connection) {
  if (!Receive(connection.client, connection.incoming)) return false;
  for (;;) {
    const std::size_t type = connection.started ? 1 : 0;
    if (connection.incoming.size() < type + 4) return true;
    const std::size_t length = type + LengthAt(connection.incoming, type);
    if (connection.incoming.size() < length) return true;
    const std::string message = connection.incoming.substr(0, length);
    connection.incoming.erase(0, length);
    connection.started = true;
    if (IsCommit(message)) {
      connection.committing = true;
      if (!BeforeCommit()) return false;
    }
    if (!SendAll(connection.server, message)) return false;
    // What follows the COMMIT has been sent as well: PostgreSQL has all it needs to end the transaction.
    if (connection.committing && message.starts_with('S')) {
      connection.committing = false;
      if (!AfterCommit(connection)) return false;
    }
  }
}

bool CommitProxy::Takes(AtCommit action) {
  if (next_ != action) return false;
  next_ = AtCommit::kForward;
  if (away_after_) away_ = true;
  return true;
}

bool CommitProxy::BeforeCommit() {
  std::unique_lock lock(mutex_);
  if (Takes(AtCommit::kCutBefore)) return false;
  if (Takes(AtCommit::kHold)) {
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return continue_; });
  }
  return true;
}

bool CommitProxy::AfterCommit(Connection& connection) {
  {
    const std::scoped_lock lock(mutex_);
    if (Takes(AtCommit::kCutDuring)) return false;
    if (!Takes(AtCommit::kCutAfter)) return true;
  }
  // ReadyForQuery, idle: the transaction has ended.
  std::string answer;
  while (!answer.ends_with(std::string("Z\0\0\0\5I", 6))) {
    if (!Receive(connection.server, answer)) break;
  }
  return false;
}

}  // namespace eventstore::testing
