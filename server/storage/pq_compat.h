// The only place that knows which libpqxx this is: 6.4 (Debian 12) or 7.10 (Debian 13).
//
// Both are used in the same narrow way: parameters as text, results as text. Connections never reconnect by
// themselves (6.x would, in the middle of a transaction we began ourselves).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

namespace eventstore::storage::pq {

// One text parameter each; nullopt is SQL NULL.
using Args = std::vector<std::optional<std::string>>;

#if defined(PQXX_VERSION_MAJOR) && PQXX_VERSION_MAJOR >= 7

inline pqxx::params ToParams(const Args& args) {
  pqxx::params params;
  params.reserve(args.size());
  for (const auto& arg : args) {
    if (arg) {
      params.append(*arg);
    } else {
      params.append();
    }
  }
  return params;
}

inline pqxx::result ExecParams(pqxx::transaction_base& tx, const std::string& sql, const Args& args) {
  return tx.exec(sql, ToParams(args));
}

inline pqxx::result ExecPrepared(pqxx::transaction_base& tx, const std::string& name, const Args& args) {
  return tx.exec(pqxx::prepped{name}, ToParams(args));
}

inline void ForbidReconnect(pqxx::connection&) {}

inline void Close(pqxx::connection& connection) { connection.close(); }

#else

inline std::vector<const char*> ToParams(const Args& args) {
  std::vector<const char*> params;
  params.reserve(args.size());
  for (const auto& arg : args) params.push_back(arg ? arg->c_str() : nullptr);
  return params;
}

inline pqxx::result ExecParams(pqxx::transaction_base& tx, const std::string& sql, const Args& args) {
  const auto params = ToParams(args);
  return tx.exec_params(sql, pqxx::prepare::make_dynamic_params(params));
}

inline pqxx::result ExecPrepared(pqxx::transaction_base& tx, const std::string& name, const Args& args) {
  const auto params = ToParams(args);
  return tx.exec_prepared(name, pqxx::prepare::make_dynamic_params(params));
}

// Deprecated because 7.x never reconnects by itself, which is just what is asked for here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
inline void ForbidReconnect(pqxx::connection& connection) { connection.inhibit_reactivation(true); }
#pragma GCC diagnostic pop

inline void Close(pqxx::connection& connection) { connection.disconnect(); }

#endif

// Several statements in one string are one round trip (simple protocol), and one transaction unless they say BEGIN.
inline pqxx::result ExecScript(pqxx::transaction_base& tx, const std::string& sql) { return tx.exec(sql); }

}  // namespace eventstore::storage::pq
