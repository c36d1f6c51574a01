// Certificates for a try: an authority of its own, a server's and a client's. Not for production: the authority's key is
// thrown away when they are made, so that nobody can make more, and nothing can be revoked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace eventstore::eventctl {

struct DevCertificates {
  std::string folder;  // made when it is missing
  // Names and addresses that the server's certificate is good for.
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  std::string client = "dev-client";  // the client's name
  int days = 30;
  bool replace = false;
};

// Writes ca.crt, server.crt, server.key, client.crt and client.key; keys are for their owner alone. Each file is written
// beside its place and renamed, keys before certificates. ALREADY_EXISTS: one of them is there and `replace` is not set.
absl::Status MakeDevCertificates(const DevCertificates& wanted);

}  // namespace eventstore::eventctl
