#include "server/security/key_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "server/domain/error.h"
#include "server/toml/toml_text.h"

namespace eventstore::security {
namespace {

using domain::access::RawIdentity;

absl::Status Wrong(int line, const std::string& what) {
  return domain::ErrorOf(domain::Reason::kInvalidRequest, line > 0 ? fmt::format("line {}: {}", line, what) : what);
}

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

// A text, or a list of texts.
absl::StatusOr<std::vector<std::string>> TextsOf(const toml::node& node, const std::string& key) {
  std::vector<std::string> texts;
  if (const auto text = node.value_exact<std::string>()) return std::vector<std::string>{*text};
  const auto* array = node.as_array();
  if (array == nullptr) return Wrong(LineOf(node), key + " takes a text, or a list of texts");
  for (const auto& entry : *array) {
    const auto text = entry.value_exact<std::string>();
    if (!text) return Wrong(LineOf(entry), key + " takes texts only");
    texts.push_back(*text);
  }
  return texts;
}

struct Entry {
  RawIdentity raw;
  std::vector<KeyHash> keys;
  std::vector<std::string> certificates;
};

absl::Status TakeKeys(const std::vector<std::string>& texts, int line, std::vector<KeyHash>& keys) {
  if (texts.size() > kMaxKeysOfOne) return Wrong(line, fmt::format("an identity has at most {} keys", kMaxKeysOfOne));
  for (const auto& text : texts) {
    const auto hash = ParseHash(text);
    // Whatever stands there may be the key itself.
    if (!hash) {
      return Wrong(line,
                   "key_sha256 is not a SHA-256 in 64 hexadecimal digits; `eventctl auth new-key` makes a key and "
                   "prints this line");
    }
    keys.push_back(*hash);
  }
  return absl::OkStatus();
}

absl::StatusOr<Entry> EntryOf(const toml::table& table) {
  Entry entry;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const int line = LineOf(node);
    auto texts = TextsOf(node, name);
    if (!texts.ok()) return texts.status();
    if (name == "name") {
      if (texts->size() != 1) return Wrong(line, "name takes one text");
      entry.raw.name = texts->front();
    } else if (name == "roles") {
      entry.raw.roles = *texts;
    } else if (name == "aggregate_types") {
      entry.raw.aggregate_types = *texts;
    } else if (name == "user_ids") {
      entry.raw.user_ids = *texts;
    } else if (name == "event_types") {
      entry.raw.event_types = *texts;
    } else if (name == "certificate") {
      entry.certificates = *texts;
    } else if (name == "key_sha256") {
      if (absl::Status taken = TakeKeys(*texts, line, entry.keys); !taken.ok()) return taken;
    } else {
      // A limit whose name is misspelt must not be no limit.
      return Wrong(line,
                   fmt::format("there is no '{}'; known are name, key_sha256, certificate, roles, aggregate_types, "
                               "user_ids and event_types",
                               name));
    }
  }
  return entry;
}

}  // namespace

absl::StatusOr<KeyFile> KeyFile::Parse(const std::string& text) {
  if (text.size() > kMaxKeyFileBytes) {
    return Wrong(0, fmt::format("it has {} bytes, of at most {}", text.size(), kMaxKeyFileBytes));
  }
  toml::table table;
  // The parser's own words quote the file.
  if (const auto fault = ParseToml(text, table)) return Wrong(fault->line, "this is not TOML");
  for (const auto& [key, node] : table) {
    if (key.str() != "identity") return Wrong(LineOf(node), "only [[identity]] tables are known here");
  }
  const auto* list = table["identity"].as_array();
  // Also what a half written file looks like.
  if (list == nullptr || list->empty()) return Wrong(0, "there is no [[identity]] in it");
  if (list->size() > kMaxIdentities) return Wrong(0, fmt::format("at most {} identities may be in it", kMaxIdentities));
  KeyFile file;
  std::set<std::string> names;
  std::set<KeyHash> hashes;
  std::set<std::string> certificates;
  for (const auto& node : *list) {
    const auto* one = node.as_table();
    if (one == nullptr) return Wrong(LineOf(node), "identity has to be a table: [[identity]]");
    auto entry = EntryOf(*one);
    if (!entry.ok()) return entry.status();
    auto identity = domain::access::ParseIdentity(entry->raw);
    if (!identity.ok()) return Wrong(LineOf(node), std::string(identity.status().message()));
    if (!names.insert(identity->name).second) {
      return Wrong(LineOf(node), fmt::format("the name '{}' comes twice", identity->name));
    }
    if (entry->keys.empty() && entry->certificates.empty()) {
      return Wrong(LineOf(node), fmt::format("'{}' has neither key_sha256 nor certificate", identity->name));
    }
    const auto shared = std::make_shared<const domain::access::Identity>(*std::move(identity));
    for (const KeyHash& hash : entry->keys) {
      if (!hashes.insert(hash).second)
        return Wrong(LineOf(node), fmt::format("a key of '{}' comes twice", shared->name));
      file.keys_.push_back({hash, shared});
    }
    file.listed_.push_back({shared, entry->keys.size(), entry->certificates});
    for (auto& name : entry->certificates) {
      if (name.empty()) return Wrong(LineOf(node), "certificate is empty");
      if (!certificates.insert(name).second) {
        return Wrong(LineOf(node), fmt::format("a certificate name of '{}' comes twice", shared->name));
      }
      file.certificates_.push_back({std::move(name), shared});
    }
  }
  return file;
}

IdentityPtr KeyFile::FindKey(std::string_view key) const {
  const KeyHash hash = HashOf(key);
  const IdentityPtr* found = nullptr;
  for (const Key& known : keys_) {
    if (SameHash(known.hash, hash)) found = &known.identity;
  }
  return found == nullptr ? nullptr : *found;
}

IdentityPtr KeyFile::FindCertificate(const std::vector<std::string>& names) const {
  for (const auto& name : names) {
    const auto found = std::ranges::find(certificates_, name, &Certificate::name);
    if (found != certificates_.end()) return found->identity;
  }
  return nullptr;
}

}  // namespace eventstore::security
