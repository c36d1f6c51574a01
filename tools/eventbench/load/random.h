// Random numbers that cost a nanosecond: good enough to spread load and to make ids, not for secrets.
#pragma once

#include <array>
#include <cstdint>

namespace eventstore::eventbench {

// Turns neighbouring numbers into unrelated ones (splitmix64, public domain).
inline std::uint64_t Scramble(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// xoshiro256++ (public domain, Blackman and Vigna).
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) word = seed = Scramble(seed);
  }

  std::uint64_t Next() {
    const std::uint64_t result = Rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  // Below `bound`, which is above zero. The bias of a division is of no matter for bounds far below 2^64.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }

  // From 0 up to but not 1.
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  static std::uint64_t Rotate(std::uint64_t value, int by) { return (value << by) | (value >> (64 - by)); }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace eventstore::eventbench
