// What has to hold for an append to be made.
#pragma once

#include <cstdint>

namespace eventstore::client {

class VersionCheck {
 public:
  enum class Kind { kExactly, kAny, kExisting };

  // The aggregate is at just this version; 0: it does not exist yet.
  static VersionCheck Exactly(std::int32_t version) { return {Kind::kExactly, version}; }
  static VersionCheck NotYet() { return Exactly(0); }
  // No check. Last writer wins: right for logs, wrong for decisions. Repeats are recognised for 24 hours only.
  static VersionCheck Any() { return {Kind::kAny, 0}; }
  // It exists, at whatever version. Repeats are recognised for 24 hours only.
  static VersionCheck Existing() { return {Kind::kExisting, 0}; }

  Kind kind() const { return kind_; }
  std::int32_t version() const { return version_; }

 private:
  VersionCheck(Kind kind, std::int32_t version) : kind_(kind), version_(version) {}

  Kind kind_;
  std::int32_t version_;
};

}  // namespace eventstore::client
