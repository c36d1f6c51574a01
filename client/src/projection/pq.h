// What differs between libpqxx 6 (Debian 12) and 7 (Debian 13), beside eventstore/pqxx_exec.h.
#pragma once

#include <memory>
#include <string>

#include <pqxx/pqxx>

namespace eventstore::client::internal {

inline std::unique_ptr<pqxx::connection> Connect(const std::string& conninfo) {
  return std::make_unique<pqxx::connection>(conninfo);
}

// 6 connects again by itself, and would then be without the lock that the session held.
inline void ForbidReconnect([[maybe_unused]] pqxx::connection& connection) {
#if !defined(PQXX_VERSION_MAJOR) || PQXX_VERSION_MAJOR < 7
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
#endif
}

}  // namespace eventstore::client::internal
