// The file of identities: TOML, one table for each, with what proves it and what it may do. It holds no secret.
//
//   [[identity]]
//   name = "orders"
//   key_sha256 = ["9f86d0…"]          # up to 10: a new key stands beside the old one while clients change over
//   certificate = ["orders.internal"] # a name in the client's certificate, where TLS asks for one
//   roles = ["reader", "writer"]      # reader, writer, operator, admin
//   aggregate_types = ["order"]       # limits; left out: none
//   user_ids = ["ada"]
//   event_types = ["order.*", "invoice.sent"]
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/access/identity.h"
#include "server/security/api_key.h"

namespace eventstore::security {

using IdentityPtr = std::shared_ptr<const domain::access::Identity>;

inline constexpr std::size_t kMaxKeyFileBytes = 4 << 20;
inline constexpr std::size_t kMaxIdentities = 1'000;
inline constexpr std::size_t kMaxKeysOfOne = 10;

class KeyFile {
 public:
  // INVALID_REQUEST saying what is wrong and in which line; never with what stands there.
  static absl::StatusOr<KeyFile> Parse(const std::string& text);

  // Null: none. Looks at every key, however early it finds one.
  IdentityPtr FindKey(std::string_view key) const;
  // Of the first name that anybody has.
  IdentityPtr FindCertificate(const std::vector<std::string>& names) const;

  // In the order of the file.
  struct Listed {
    IdentityPtr identity;
    std::size_t keys = 0;
    std::vector<std::string> certificates;
  };
  const std::vector<Listed>& listed() const { return listed_; }

 private:
  struct Key {
    KeyHash hash;
    IdentityPtr identity;
  };
  struct Certificate {
    std::string name;
    IdentityPtr identity;
  };

  std::vector<Key> keys_;
  std::vector<Certificate> certificates_;
  std::vector<Listed> listed_;
};

}  // namespace eventstore::security
