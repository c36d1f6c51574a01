#include "tools/eventbench/report/text.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "tools/eventbench/report/figures.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventbench {
namespace {

using eventctl::CountOf;
using eventctl::WithThousands;

std::string Rate(std::int64_t count, double seconds) {
  return seconds > 0 ? WithThousands(std::llround(static_cast<double>(count) / seconds)) : "-";
}

void PrintTable(std::ostream& out, const eventctl::Terminal& terminal, const RunResult& result) {
  eventctl::Table table(out, terminal,
                        {{.heading = "OPERATION"},
                         {.heading = "OPS/S", .right = true},
                         {.heading = "EVENTS/S", .right = true},
                         {.heading = "P50 MS", .right = true},
                         {.heading = "P90", .right = true},
                         {.heading = "P99", .right = true},
                         {.heading = "P99.9", .right = true},
                         {.heading = "MAX", .right = true},
                         {.heading = "ERRORS", .right = true}});
  Totals all;
  for (const Row& row : Rows(result, all)) {
    const Histogram& latency = row.totals->latency;
    const auto percentile = [&](double percent) {
      return latency.count() == 0 ? "-" : Milliseconds(static_cast<double>(latency.Percentile(percent)));
    };
    table.Row({row.name, Rate(row.totals->operations, result.seconds), Rate(row.totals->events, result.seconds),
               percentile(50), percentile(90), percentile(99), percentile(99.9), percentile(100),
               WithThousands(row.totals->ErrorCount())});
  }
  table.Flush();
}

void PrintErrors(std::ostream& out, const RunResult& result) {
  Totals all;
  for (const Row& row : Rows(result, all)) {
    if (row.totals == &all) continue;
    for (const auto& [reason, times] : row.totals->errors) {
      out << fmt::format("{}: {} {}\n", row.name, WithThousands(times), reason);
    }
  }
}

void PrintVerified(std::ostream& out, const eventctl::Style& style, const VerifyResult& verified) {
  const Comparison& found = verified.found;
  const std::string verdict = verified.interrupted ? style.Yellow("not verified to the end")
                              : verified.clean()   ? style.Green("verified")
                                                   : style.Red("VIOLATED");
  out << fmt::format(
      "{}: {} of {} acknowledged events confirmed in {}: {} lost, {} double, {} moved, {} out of order, "
      "{} stored though refused\n",
      verdict, WithThousands(found.confirmed), WithThousands(verified.acknowledged),
      CountOf(verified.aggregates, "aggregate"), found.lost, found.doubled, found.moved, found.disordered,
      found.refused_stored);
  if (found.unknown_stored > 0) {
    out << fmt::format("{} stored whose answer was lost\n", CountOf(found.unknown_stored, "event"));
  }
  if (found.foreign > 0) out << fmt::format("{} of others in the same aggregates\n", CountOf(found.foreign, "event"));
  for (const auto& example : found.examples) out << "  " << example << '\n';
}

void PrintDelivery(std::ostream& out, const eventctl::Style& style, const DeliveryFigures& delivery) {
  const auto after = [&](double percent) {
    return Milliseconds(static_cast<double>(delivery.latency.Percentile(percent)));
  };
  const std::string verdict = delivery.missing == 0 ? style.Green("delivered") : style.Red("MISSING");
  out << fmt::format(
      "{}: {} events to the subscriber, {} missing; after the acknowledgement p50 {} ms, p99 {}, max {}\n", verdict,
      WithThousands(delivery.delivered), WithThousands(delivery.missing), after(50), after(99), after(100));
}

}  // namespace

std::string Describe(const Options& options) {
  std::string text = options.mix.Text();
  if (options.rate > 0) {
    text += fmt::format(", {} a second, at most {} in flight", options.rate, options.in_flight);
  } else {
    text += fmt::format(", {} in flight", options.in_flight);
  }
  text += fmt::format(", {}", CountOf(options.connections, "connection"));
  if (options.distribution == Distribution::kDistinct) {
    text += ", a new aggregate for each append";
  } else if (options.distribution == Distribution::kHot) {
    text += ", one aggregate";
  } else {
    const auto count = options.given_aggregates.empty() ? options.aggregates
                                                        : static_cast<std::int64_t>(options.given_aggregates.size());
    text += fmt::format(", {} over {}", NameOf(options.distribution), CountOf(count, "aggregate"));
  }
  if (options.mix.HasWrites()) {
    text += fmt::format(", {}, {} bytes", options.exact ? "expected version" : "any version", options.payload);
  }
  if (options.mix.Has(Kind::kBatch)) {
    text += fmt::format(", batches of {} {}", options.batch_size, options.batch_as_events ? "events" : "appends");
  }
  return text;
}

void PrintResult(std::ostream& out, const eventctl::Terminal& terminal, const Options& options,
                 const RunResult& result) {
  const eventctl::Style style(terminal.colour);
  out << style.Dim(Describe(options)) << '\n';
  PrintTable(out, terminal, result);
  PrintErrors(out, result);
  if (result.not_started > 0) {
    out << style.Yellow("too slow")
        << fmt::format(": {} were due and not started, since all {} slots were taken: ",
                       CountOf(result.not_started, "operation"), options.in_flight)
        << "latencies count from the moment each was due, and would go on growing\n";
  }
  if (!result.hopeless.empty()) out << style.Red("ended early") << ": " << result.hopeless << '\n';
  if (result.verified) PrintVerified(out, style, *result.verified);
  if (result.delivery) PrintDelivery(out, style, *result.delivery);
  out << style.Dim(fmt::format("{:.1f} s measured; this client used {:.2f} of a processor; seed {}", result.seconds,
                               result.seconds > 0 ? result.client_cpu_seconds / result.seconds : 0, result.seed))
      << '\n';
  out.flush();
}

}  // namespace eventstore::eventbench
