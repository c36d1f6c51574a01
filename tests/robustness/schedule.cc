#include "tests/robustness/schedule.h"

#include <random>
#include <utility>

#include "fmt/format.h"

namespace eventstore::testing {
namespace {

constexpr int kSubscribers = 20;
constexpr int kAtStart = 4;

// The generator's numbers are the same everywhere; what the library's distributions and shuffles make of them is not.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}
  // From 0, below `end`.
  std::size_t Below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  std::mt19937_64 random_;
};

Join MakeJoin(Chance& chance) {
  Join join;
  join.filter = std::vector{Join::Filter::kNone, Join::Filter::kNone, Join::Filter::kTypes, Join::Filter::kPrefix,
                            Join::Filter::kAggregate}[chance.Below(5)];
  join.start = std::vector{Join::Start::kBeginning, Join::Start::kPosition, Join::Start::kNow}[chance.Below(3)];
  if (chance.Below(2) == 0) join.restart_after = static_cast<int>(20 + chance.Below(200));
  join.server = static_cast<int>(chance.Below(2));
  return join;
}

std::vector<Step> MakeRound(Chance& chance) {
  std::vector<Step> steps;
  for (const Break what : {Break::kServer, Break::kServer, Break::kPostmaster, Break::kPostmaster, Break::kBackend,
                           Break::kBackend, Break::kForeignWriter, Break::kHeldAppend, Break::kRestore}) {
    steps.push_back({what, static_cast<int>(chance.Below(2)), {}});
  }
  chance.Shuffle(steps);
  return steps;
}

std::string Describe(const Join& join) {
  static constexpr const char* kFilters[] = {"everything", "two types", "a prefix", "an aggregate"};
  static constexpr const char* kStarts[] = {"the beginning", "a position", "now"};
  std::string text = fmt::format("{} from {} of server {}", kFilters[static_cast<int>(join.filter)],
                                 kStarts[static_cast<int>(join.start)], join.server);
  if (join.restart_after > 0) text += fmt::format(", again after {}", join.restart_after);
  return text;
}

}  // namespace

const char* Name(Break what) {
  switch (what) {
    case Break::kServer:
      return "kill a server";
    case Break::kPostmaster:
      return "kill the postmaster";
    case Break::kBackend:
      return "kill a backend in a transaction";
    case Break::kForeignWriter:
      return "a foreign writer";
    case Break::kHeldAppend:
      return "an append held open";
    case Break::kRestore:
      return "dump and restore";
  }
  return "";
}

Schedule MakeSchedule(std::uint64_t seed, int rounds) {
  Chance chance(seed);
  Schedule schedule;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Step> steps = MakeRound(chance);
    for (int i = 0; round == 0 && i < kSubscribers; ++i) {
      const Join join = MakeJoin(chance);
      (i < kAtStart ? schedule.at_start : steps[chance.Below(steps.size())].joins).push_back(join);
    }
    for (Step& step : steps) schedule.steps.push_back(std::move(step));
  }
  // Two that live through all of it and get everything, one on each server: how long deliveries take is measured on them.
  schedule.at_start[0] = {.server = 0};
  schedule.at_start[1] = {.server = 1};
  return schedule;
}

std::string Describe(const Schedule& schedule) {
  std::string text;
  for (const Join& join : schedule.at_start) text += fmt::format("at the start: {}\n", Describe(join));
  for (const Step& step : schedule.steps) {
    text += fmt::format("{} ({})\n", Name(step.what), step.server);
    for (const Join& join : step.joins) text += fmt::format("  joins: {}\n", Describe(join));
  }
  return text;
}

}  // namespace eventstore::testing
