// Which of many similar statements, one for each chunk, a session keeps prepared. A plan costs PostgreSQL some 40 kB
// and preparing it a round trip, so a statement is prepared when it comes a second time. One that was not used for a
// long time makes room for it; while there is none, the new one is run as it is. So a read that walks through ten years
// once prepares nothing, and one that does so again and again does not push out its own statements before it comes back
// to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

namespace eventstore::storage {

class StatementCache {
 public:
  struct Step {
    std::string name;      // "": run it as it is
    bool prepare = false;  // under `name`, first
    std::string give_up;   // name of a statement that is not kept any more; "": none
  };

  explicit StatementCache(std::size_t most) : most_(most) {}

  // What to do with `sql` now.
  Step Use(const std::string& sql);
  // It could not be prepared.
  void Remove(const std::string& sql);
  // The session is gone, and all of them with it.
  void Clear();

 private:
  struct Prepared {
    std::string sql;
    std::string name;
    std::uint64_t used = 0;  // uses_ at its last one
  };
  using SeenList = std::list<std::size_t>;  // hashes of statements that came once
  using PreparedList = std::list<Prepared>;

  const std::size_t most_;
  SeenList seen_;  // newest first, as the next one
  std::unordered_map<std::size_t, SeenList::iterator> seen_by_hash_;
  PreparedList prepared_;
  std::unordered_map<std::string, PreparedList::iterator> prepared_by_sql_;
  std::uint64_t names_ = 0;
  std::uint64_t uses_ = 0;  // of any statement
};

}  // namespace eventstore::storage
