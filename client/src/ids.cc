#include "eventstore/ids.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <random>

namespace eventstore::client {

std::string MakeUuidV7() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  // From the system each time: a generator with state of its own would repeat itself in a forked process.
  std::random_device random;
  std::array<std::uint8_t, 16> bytes{};
  for (int i = 0; i < 6; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  for (std::size_t i = 6; i < bytes.size();) {
    for (auto word = random(); i < bytes.size(); word >>= 8) {
      bytes[i++] = static_cast<std::uint8_t>(word);
      if ((i - 6) % 4 == 0) break;
    }
  }
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x70);  // version 7
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 9562

  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

}  // namespace eventstore::client
