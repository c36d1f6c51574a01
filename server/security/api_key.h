// API keys: 256 random bits, shown once when they are made; servers keep their SHA-256 alone. With so many bits there is
// nothing to guess, so a slow hash would only slow down each call (docs/decisions/0034-who-calls.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::security {

inline constexpr std::size_t kKeyBytes = 32;
// Every key begins so: people and scanners for leaked secrets know it by that, and it is no token.
inline constexpr std::string_view kKeyPrefix = "esk_";

using KeyHash = std::array<std::uint8_t, 32>;

// "esk_" and 64 hexadecimal digits, from the system's randomness; nullopt when that fails.
std::optional<std::string> MakeKey();

// Of the whole text, prefix included: `printf %s "$KEY" | sha256sum` gives the same.
KeyHash HashOf(std::string_view key);
std::string HexOf(const KeyHash& hash);
// 64 hexadecimal digits.
std::optional<KeyHash> ParseHash(std::string_view hex);

// Takes the same time whatever they hold.
bool SameHash(const KeyHash& a, const KeyHash& b);

}  // namespace eventstore::security
