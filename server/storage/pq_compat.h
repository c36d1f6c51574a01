// The only place that knows which libpqxx this is: 6.4 (Debian 12) or 7.10 (Debian 13).
//
// Both are used in the same narrow way: parameters as text, results as text. Connections never reconnect by
// themselves (6.x would, in the middle of a transaction we began ourselves).
#pragma once

#include <libpq-fe.h>

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

// A connection whose libpq handle is known, for what libpqxx has no calls for.
class Connection : public pqxx::connection {
 public:
  explicit Connection(const std::string& conninfo) : Connection(Connected(conninfo)) {}
  PGconn* raw() const { return raw_; }

 private:
  explicit Connection(PGconn* raw) : pqxx::connection(pqxx::connection::seize_raw_connection(raw)), raw_(raw) {}

  static PGconn* Connected(const std::string& conninfo) {
    std::unique_ptr<PGconn, decltype(&PQfinish)> raw(PQconnectdb(conninfo.c_str()), &PQfinish);
    if (!raw) throw pqxx::broken_connection("no memory for a connection");
    if (PQstatus(raw.get()) != CONNECTION_OK) throw pqxx::broken_connection(PQerrorMessage(raw.get()));
    return raw.release();
  }

  PGconn* raw_;
};

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

// A connection whose libpq handle is known, for what libpqxx has no calls for. It is what pqxx::connection is, but for the
// policy, which sees the handle when it is made.
class Connection : public pqxx::connection_base {
 public:
  explicit Connection(const std::string& conninfo) : pqxx::connection_base(policy_), policy_(conninfo) {
    init();
// Deprecated because 7.x never reconnects by itself, which is just what is asked for here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    inhibit_reactivation(true);
#pragma GCC diagnostic pop
  }
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  PGconn* raw() const { return policy_.made; }

 private:
  struct Policy : pqxx::connect_direct {
    using pqxx::connect_direct::connect_direct;
    handle do_startconnect(handle orig) override { return made = pqxx::connect_direct::do_startconnect(orig); }
    handle made = nullptr;
  };

  Policy policy_;
};

#endif

// Several statements in one string are one round trip (simple protocol), and one transaction unless they say BEGIN.
inline pqxx::result ExecScript(pqxx::transaction_base& tx, const std::string& sql) { return tx.exec(sql); }

}  // namespace eventstore::storage::pq
