// The connections of a port of this process, found among its own descriptors: for libraries that keep their sockets to
// themselves (cpp-httplib, gRPC).
#pragma once

#include <sys/types.h>

#include <compare>
#include <functional>
#include <string>

namespace eventstore::observability {

// Who is at the other end.
struct Peer {
  std::string address;  // 4 or 16 bytes, the first comes first; an IPv4 address that IPv6 stands for has 4
  int port = 0;

  auto operator<=>(const Peer&) const = default;
};

// "192.0.2.1:4711", "[2001:db8::1]:4711".
std::string Text(const Peer& peer);

struct OwnSocket {
  // A descriptor of our own, open until the visit ends: the library's may be closed meanwhile, and its number be another
  // connection's.
  int descriptor;
  ino_t inode;  // one that is still open is no other's, while the number of a descriptor comes again
  Peer peer;
};

// Each connection that a client has with `port`, on any address of this machine. Costs a pass over the process's descriptors.
void ForEachConnection(int port, const std::function<void(const OwnSocket&)>& visit);

}  // namespace eventstore::observability
