// JSON made at random, in two spellings: one a client may send, and the one PostgreSQL prints.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace eventstore::domain {

struct JsonSpelling {
  std::string sent;
  std::string printed;
};

// An object of at most `depth` levels. No key comes twice, so that nothing is dropped, and keys are in PostgreSQL's
// order (shorter first, then by bytes), so that both spellings agree but for white space, escapes and numbers.
JsonSpelling RandomJsonObject(int depth);

// One with numbers, escapes and damage of every kind: the grammar's corners, valid or not.
std::string RandomJsonLikeText();

}  // namespace eventstore::domain
