#include "tools/eventbench/report/figures.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/eventctl/output/bars.h"

namespace eventstore::eventbench {

std::vector<Row> Rows(const RunResult& result, Totals& all) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    const Totals& totals = result.recorder.of(kind);
    if (totals.operations == 0 && totals.errors.empty()) continue;
    rows.push_back({.name = NameOf(kind), .totals = &totals});
    all.Add(totals);
  }
  if (rows.size() > 1) rows.push_back({.name = "all", .totals = &all});
  return rows;
}

std::string Milliseconds(double nanoseconds) {
  const double milliseconds = nanoseconds / 1e6;
  if (milliseconds >= 1'000) return eventctl::WithThousands(std::llround(milliseconds));
  const int digits = milliseconds >= 100 ? 0 : milliseconds >= 10 ? 1 : milliseconds >= 1 ? 2 : 3;
  return fmt::format("{:.{}f}", milliseconds, digits);
}

}  // namespace eventstore::eventbench
