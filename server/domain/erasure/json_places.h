// Where in a JSON text values stand, so that they can be replaced and every other byte stays as it is. Texts here are JSON
// objects that passed InspectJsonObject, or what PostgreSQL printed; of anything else nothing is found.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/domain/erasure/rules.h"

namespace eventstore::domain::erasure {

struct Place {
  std::size_t begin = 0;  // bytes of the text
  std::size_t end = 0;
  std::string pointer;  // of this one value: entries of arrays by their number
  // Index of the path that it was found by.
  std::size_t path = 0;
};

// The values that any of `paths` names, in their order, none within another: the outermost counts, and of the paths the first.
std::vector<Place> FindValues(std::string_view text, const std::vector<const Path*>& paths);

// The one at `path`, a text or a number, as text. Where a member comes twice it is the last, as in jsonb.
std::optional<std::string> ScalarAt(std::string_view text, const Path& path);

struct Wrapped {
  Place place;
  std::string value;
};
// Objects whose one member is `key` and whose value is a text.
std::vector<Wrapped> FindWrapped(std::string_view text, std::string_view key);

struct Replacement {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};
// `replacements` in their order, none within another.
std::string Replaced(std::string_view text, const std::vector<Replacement>& replacements);

}  // namespace eventstore::domain::erasure
