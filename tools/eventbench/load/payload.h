// JSON texts of one size, all different, so that neither PostgreSQL's compression nor a cache has it easy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/eventbench/load/random.h"

namespace eventstore::eventbench {

class Payloads {
 public:
  // Of `bytes` each, as far as a JSON object can be so small: {} has two, {"text":""} eleven.
  Payloads(int bytes, Random& random);

  const std::string& Pick(std::uint64_t random) const { return texts_[random % texts_.size()]; }

 private:
  std::vector<std::string> texts_;
};

}  // namespace eventstore::eventbench
