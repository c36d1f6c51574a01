#include "server/observability/own_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace eventstore::observability {
namespace {

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

std::optional<Peer> PeerOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in&>(address);
    return Peer{std::string(reinterpret_cast<const char*>(&ip.sin_addr), sizeof(ip.sin_addr)), ntohs(ip.sin_port)};
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  const auto& ip = reinterpret_cast<const sockaddr_in6&>(address);
  std::string bytes(reinterpret_cast<const char*>(&ip.sin6_addr), sizeof(ip.sin6_addr));
  if (IN6_IS_ADDR_V4MAPPED(&ip.sin6_addr)) bytes.erase(0, 12);
  return Peer{std::move(bytes), ntohs(ip.sin6_port)};
}

// Nothing for what is no connection on `port`: the listening socket has no peer.
std::optional<Peer> ConnectionOn(int socket, int port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  const auto local = PeerOf(address);
  if (!local || local->port != port) return std::nullopt;
  address = {};
  size = sizeof(address);
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return PeerOf(address);
}

}  // namespace

std::string Text(const Peer& peer) {
  const bool old = peer.address.size() == sizeof(in_addr);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (!old && peer.address.size() != sizeof(in6_addr)) return fmt::format("?:{}", peer.port);
  inet_ntop(old ? AF_INET : AF_INET6, peer.address.data(), text.data(), text.size());
  return old ? fmt::format("{}:{}", text.data(), peer.port) : fmt::format("[{}]:{}", text.data(), peer.port);
}

void ForEachConnection(int port, const std::function<void(const OwnSocket&)>& visit) {
  for (const int number : Descriptors()) {
    if (!ConnectionOn(number, port)) continue;
    const int socket = dup(number);
    if (socket < 0) continue;
    struct stat facts{};
    const auto peer = ConnectionOn(socket, port);
    if (peer && fstat(socket, &facts) == 0) visit({socket, facts.st_ino, *peer});
    close(socket);
  }
}

}  // namespace eventstore::observability
