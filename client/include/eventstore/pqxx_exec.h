// SQL with parameters, called the same with libpqxx 6 and 7. Who has one of them only may call it directly.
#pragma once

#include <string>

#include <pqxx/pqxx>

namespace eventstore::client {

//   Exec(tx, "UPDATE balances SET cents = cents + $2 WHERE account = $1", account, cents);
template <typename... Args>
pqxx::result Exec(pqxx::transaction_base& tx, const std::string& sql, const Args&... args) {
#if defined(PQXX_VERSION_MAJOR) && PQXX_VERSION_MAJOR >= 7
  return tx.exec(sql, pqxx::params{args...});
#else
  return tx.exec_params(sql, args...);
#endif
}

}  // namespace eventstore::client
