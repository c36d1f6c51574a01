// A table of ours in the user's database.
#pragma once

#include <string>

#include <pqxx/pqxx>

namespace eventstore::client::internal {

// Makes it when there is none; a role that may not create tables is fine when there is one. Throws what libpqxx throws.
void MakeTable(pqxx::connection& connection, const std::string& name, const std::string& ddl);

}  // namespace eventstore::client::internal
