// HOST:PORT as the operator writes it.
#pragma once

#include <optional>
#include <string>

namespace eventstore::settings {

struct ListenAddress {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;

  // True when only this machine can reach it.
  bool IsLoopback() const;
};

// "127.0.0.1:50051", "[::1]:50051", "localhost:0"; nullopt for anything else.
std::optional<ListenAddress> ParseListenAddress(const std::string& text);

}  // namespace eventstore::settings
