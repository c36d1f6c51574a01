#include "tests/fuzz/libfuzzer.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return eventstore::fuzz::RunOne(eventstore::fuzz::CheckErasure, data, size);
}
