// What is broken when, and who comes to read: everything that is left to chance in proof_test, from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::testing {

enum class Break {
  kServer,         // SIGKILL
  kPostmaster,     // SIGKILL
  kBackend,        // SIGKILL for a lane's session in the middle of its transaction
  kForeignWriter,  // somebody else's transaction, idle for ten seconds
  kHeldAppend,     // an append that does not commit for ten seconds
  kRestore,        // a dump goes into a fresh cluster, and both servers with it
};

const char* Name(Break what);

// A subscriber to come.
struct Join {
  enum class Filter { kNone, kTypes, kPrefix, kAggregate };
  enum class Start { kBeginning, kPosition, kNow };
  Filter filter = Filter::kNone;
  Start start = Start::kBeginning;
  int restart_after = 0;  // it leaves after so many deliveries and comes again; 0: it stays
  int server = 0;         // of two
};

struct Step {
  Break what = Break::kServer;
  int server = 0;           // of two
  std::vector<Join> joins;  // while it is broken
};

struct Schedule {
  std::vector<Join> at_start;
  std::vector<Step> steps;
};

// Each round has every break, in an order of its own. Twenty subscribers come, all of them in the first round.
Schedule MakeSchedule(std::uint64_t seed, int rounds);

// For people: one line a step.
std::string Describe(const Schedule& schedule);

}  // namespace eventstore::testing
