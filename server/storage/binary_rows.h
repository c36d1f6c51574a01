// Results in PostgreSQL's binary formats (pg_binary.h).
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/domain/time.h"
#include "server/domain/uuid.h"
#include "server/storage/pg_binary.h"

namespace eventstore::storage {

// The rows of one statement, from libpq.
class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result, &PQclear) {}

  int size() const { return PQntuples(result_.get()); }
  bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
  std::int32_t Int4(int row, int column) const { return ReadInt32(At(row, column)); }
  std::int64_t Int8(int row, int column) const { return ReadInt64(At(row, column)); }
  domain::TimeMicros Time(int row, int column) const { return FromPgTime(Int8(row, column)); }
  // "COMMIT", "INSERT 0 1", ...
  std::string Command() const { return PQcmdStatus(result_.get()); }
  bool Bool(int row, int column) const { return *At(row, column) != 0; }
  // "" when it is NULL.
  std::string Text(int row, int column) const;
  domain::Uuid Id(int row, int column) const;
  // Of an integer[] without NULLs.
  std::vector<std::int32_t> Int4s(int row, int column) const;

 private:
  const char* At(int row, int column) const { return PQgetvalue(result_.get(), row, column); }

  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

}  // namespace eventstore::storage
