// Who calls, and what an operator lets them do: roles say which calls, limits which events. Pure; how an identity is proven
// is in server/security.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::domain::access {

enum class Role : std::uint8_t { kReader, kWriter, kOperator, kAdmin };
inline constexpr std::size_t kRoles = 4;

// "reader" and so on.
std::string NameOf(Role role);

// None includes another, except that an admin has them all: a service that only appends is not to read.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= Bit(role);
  }

  constexpr bool Has(Role role) const { return (bits_ & (Bit(role) | Bit(Role::kAdmin))) != 0; }
  constexpr bool HasAnyOf(Roles others) const { return (bits_ & (others.bits_ | Bit(Role::kAdmin))) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void Add(Role role) { bits_ |= Bit(role); }
  // "reader or writer": those that were given, in the order of the enum.
  std::string Joined(const std::string& between) const;

  bool operator==(const Roles&) const = default;

 private:
  static constexpr std::uint8_t Bit(Role role) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role)); }
  std::uint8_t bits_ = 0;
};

// AND between fields, OR within one; empty: not limited. event_types and event_type_prefixes are one field.
struct Limits {
  std::vector<std::string> aggregate_types{};
  std::vector<std::string> user_ids{};
  std::vector<std::string> event_types{};
  std::vector<std::string> event_type_prefixes{};

  bool none() const {
    return aggregate_types.empty() && user_ids.empty() && event_types.empty() && event_type_prefixes.empty();
  }
  bool operator==(const Limits&) const = default;
};

struct Identity {
  std::string name;  // for logs and errors; says nothing of the credentials
  Roles roles;
  Limits limits;

  bool operator==(const Identity&) const = default;
};

inline constexpr std::size_t kMaxIdentityNameBytes = 200;
// Of each list of limits. They become filters of reads, and so are no longer than those may be.
inline constexpr std::size_t kMaxLimitValues = 100;

// As a file of keys or a token tells it.
struct RawIdentity {
  std::string name;
  std::vector<std::string> roles;
  // Absent: not limited. A list that is there and empty is refused: it could mean all or nothing.
  std::optional<std::vector<std::string>> aggregate_types{};
  std::optional<std::vector<std::string>> user_ids{};
  // "order.*" is every type that begins with "order."; a `*` stands at the end and nowhere else.
  std::optional<std::vector<std::string>> event_types{};
};

// INVALID_REQUEST or LIMIT_EXCEEDED naming the fields as above.
absl::StatusOr<Identity> ParseIdentity(const RawIdentity& raw);

}  // namespace eventstore::domain::access
