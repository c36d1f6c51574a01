#include "client/src/projection/database_error.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace eventstore::client::internal {
namespace {

// Beginnings of SQLSTATEs that come and go: the connection, resources, an operator, a lost race, a lock that was not free,
// a standby that is to become the primary.
constexpr std::array<std::string_view, 9> kPassing = {"08",    "53",    "57P",   "58",   "40001",
                                                      "40P01", "55P03", "25P03", "25006"};

bool IsPassing(const pqxx::failure& error) {
  if (dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr) return true;
  if (dynamic_cast<const pqxx::in_doubt_error*>(&error) != nullptr) return true;
  const auto* sql = dynamic_cast<const pqxx::sql_error*>(&error);
  if (sql == nullptr) return false;
  // Of a connection that broke in the middle there is no state.
  std::string state = sql->sqlstate();
  // libpqxx 6 knows these two and throws their types without it.
  if (dynamic_cast<const pqxx::serialization_failure*>(sql) != nullptr) state = "40001";
  if (dynamic_cast<const pqxx::deadlock_detected*>(sql) != nullptr) state = "40P01";
  if (state.empty()) return dynamic_cast<const pqxx::insufficient_privilege*>(sql) == nullptr;
  return std::ranges::any_of(kPassing, [&](std::string_view passing) { return state.starts_with(passing); });
}

}  // namespace

absl::Status StatusOf(const pqxx::failure& error) {
  const std::string what(error.what());
  const std::string message = "PostgreSQL: " + what.substr(0, what.find('\n'));
  return IsPassing(error) ? absl::UnavailableError(message) : absl::InternalError(message);
}

}  // namespace eventstore::client::internal
