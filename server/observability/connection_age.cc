#include "server/observability/connection_age.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace eventstore::observability {
namespace {

constexpr std::chrono::seconds kInterval{1};

std::vector<int> Descriptors() {
  std::vector<int> all;
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return all;
  while (const dirent* entry = readdir(folder)) {
    const char* const name = static_cast<const char*>(entry->d_name);
    int number = 0;
    const auto read = std::from_chars(name, name + std::strlen(name), number);
    if (read.ec == std::errc{} && number != dirfd(folder)) all.push_back(number);
  }
  closedir(folder);
  return all;
}

// A connection on `port`; the listening socket has no peer.
bool IsConnectionOn(int socket, int port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  int local = 0;
  if (address.ss_family == AF_INET) local = ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) local = ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  if (local != port) return false;
  size = sizeof(address);
  return getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
}

}  // namespace

ConnectionAge::ConnectionAge(int port, std::chrono::milliseconds most, const domain::Clock& clock)
    : port_(port), most_(most), clock_(clock), thread_([this] { Run(); }) {}

ConnectionAge::~ConnectionAge() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void ConnectionAge::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

void ConnectionAge::Look() {
  const auto now = clock_.Monotonic();
  std::map<ino_t, domain::MonotonicTime> seen;
  for (const int number : Descriptors()) {
    if (!IsConnectionOn(number, port_)) continue;
    // A descriptor of our own: the other one may be closed meanwhile and its number be another connection's.
    const int socket = dup(number);
    if (socket < 0) continue;
    struct stat facts{};
    if (fstat(socket, &facts) == 0 && IsConnectionOn(socket, port_)) {
      const auto known = known_.find(facts.st_ino);
      const auto since = known == known_.end() ? now : known->second;
      seen.emplace(facts.st_ino, since);
      if (now - since >= most_) shutdown(socket, SHUT_RDWR);
    }
    close(socket);
  }
  known_ = std::move(seen);
}

}  // namespace eventstore::observability
