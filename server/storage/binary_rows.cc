#include "server/storage/binary_rows.h"

#include <cstring>

namespace eventstore::storage {

std::string Rows::Text(int row, int column) const {
  return {At(row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

domain::Uuid Rows::Id(int row, int column) const {
  domain::Uuid id;
  std::memcpy(id.bytes.data(), At(row, column), id.bytes.size());
  return id;
}

std::vector<std::int32_t> Rows::Int4s(int row, int column) const {
  const char* bytes = At(row, column);
  std::vector<std::int32_t> values;
  if (ReadInt32(bytes) == 0) return values;
  const std::int32_t count = ReadInt32(bytes + 12);
  // After the header, each with its length.
  for (std::int32_t i = 0; i < count; ++i) values.push_back(ReadInt32(bytes + 24 + std::ptrdiff_t{8} * i));
  return values;
}

}  // namespace eventstore::storage
