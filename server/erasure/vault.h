// Rules, keys and ciphers together: what the write path seals and the readers open.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/erasure/rules.h"
#include "server/erasure/key_ring.h"
#include "server/storage/event_vault.h"

namespace eventstore::erasure {

struct VaultOptions {
  std::string master_key_file;
  std::string rule_file;  // empty: nothing is encrypted anew
};

class Vault final : public storage::EventVault {
 public:
  // Null: neither is set, and the store has no encrypted fields. Otherwise errors name the setting, file and line, or say that
  // the store was given another master key, or some when now there is none.
  static absl::StatusOr<std::unique_ptr<Vault>> Start(const VaultOptions& options, const std::string& conninfo,
                                                      const domain::Clock& clock, domain::IdMaker& ids);

  Vault(std::vector<domain::erasure::Rule> rules, std::unique_ptr<KeyRing> keys)
      : rules_(std::move(rules)), keys_(std::move(keys)) {}

  std::vector<absl::Status> Seal(std::span<domain::AppendBatch* const> batches) override;
  absl::Status Open(std::span<const Contents> events) override;
  using EventVault::Open;

  KeyRing& keys() { return *keys_; }
  std::size_t rules() const { return rules_.size(); }

 private:
  // A value to be encrypted.
  struct Field;
  struct Plan;
  absl::Status Find(const domain::Append& append, domain::NewEvent& event, const std::string& where, Plan& plan) const;

  const std::vector<domain::erasure::Rule> rules_;
  const std::unique_ptr<KeyRing> keys_;
};

}  // namespace eventstore::erasure
