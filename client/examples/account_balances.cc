// A read model: the balance of every account that account_service keeps, in a table of your own, exact through every crash.
//   account_balances HOST:PORT CONNINFO         (CONNINFO: your database, for example "dbname=bank" or a postgres:// URL)
#include <cstdlib>
#include <iostream>
#include <string>

#include "eventstore/projection.h"

namespace es = eventstore::client;
namespace v1 = eventstore::v1;

namespace {

// {"cents":N}, as in account_service.cc; "data" comes back as PostgreSQL prints JSON.
long CentsOf(const std::string& data) { return std::strtol(data.c_str() + data.find(':') + 1, nullptr, 10); }

// Adds what happened to the balance. The helper notes the event's position in the same transaction, so both are there, or
// neither, whenever the machine stops.
absl::Status Apply(pqxx::work& tx, const v1::RecordedEvent& event) {
  const long cents = event.event_type() == "account.opened" ? 0 : CentsOf(event.data());
  es::Exec(tx,
           "INSERT INTO balances (account, cents, movements) VALUES ($1, $2, 1) "
           "ON CONFLICT (account) DO UPDATE SET cents = balances.cents + excluded.cents, "
           "movements = balances.movements + 1",
           event.aggregate_id(), event.event_type() == "account.withdrawn" ? -cents : cents);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: account_balances HOST:PORT CONNINFO\n";
    return 2;
  }
  try {
    pqxx::connection connection(argv[2]);
    pqxx::work tx(connection);
    tx.exec(
        "CREATE TABLE IF NOT EXISTS balances (account uuid PRIMARY KEY, cents bigint NOT NULL, movements bigint NOT "
        "NULL)");
    tx.commit();
  } catch (const std::exception& error) {
    std::cerr << "no table of balances: " << error.what() << "\n";
    return 1;
  }

  const es::EventStoreClient store({.target = argv[1]});
  v1::SubscribeRequest request;
  request.mutable_from_beginning();
  request.mutable_filter()->add_event_type_prefixes("account.");
  es::Projection projection(store, request, {.name = "balances", .conninfo = argv[2]});

  // Until an error that stays; a server or a database that goes away is waited for.
  const absl::Status ended = projection.Run(Apply);
  std::cerr << ended << "\n";
  return 1;
}
