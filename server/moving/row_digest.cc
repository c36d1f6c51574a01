#include "server/moving/row_digest.h"

#include "server/archive/sha256.h"

namespace eventstore::moving {
namespace {

// gcc has it as an extension only, which is not to be warned of.
__extension__ typedef unsigned __int128 Uint128;  // NOLINT(modernize-use-using): `using` has no __extension__

}  // namespace

void RowDigest::Add(std::string_view row) {
  const std::string hash = archive::Sha256::BytesOf(row);
  std::uint64_t first = 0;
  for (int i = 0; i < 8; ++i) first = (first << 8) | static_cast<unsigned char>(hash[static_cast<std::size_t>(i)]);
  // As a signed number: one that is negative takes 2^64 off the high half.
  high_ += (first >> 63) != 0 ? -1 : 0;
  low_ += first;
  high_ += low_ < first ? 1 : 0;
  ++rows_;
}

LegacyContent RowDigest::content() const {
  const bool negative = high_ < 0;
  Uint128 rest = (static_cast<Uint128>(static_cast<std::uint64_t>(high_)) << 64) | low_;
  if (negative) rest = -rest;
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest > 0);
  return {rows_, (negative ? "-" : "") + digits};
}

}  // namespace eventstore::moving
