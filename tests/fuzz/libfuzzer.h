// Between libFuzzer, which takes a crash for a finding, and the targets, which return one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace eventstore::fuzz {

inline int RunOne(std::string (*check)(const std::string&), const std::uint8_t* data, std::size_t size) {
  const std::string problem = check(std::string(reinterpret_cast<const char*>(data), size));
  if (problem.empty()) return 0;
  std::fprintf(stderr, "%s\n", problem.c_str());
  std::abort();
}

}  // namespace eventstore::fuzz
