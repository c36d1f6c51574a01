#include "tools/eventbench/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "tools/eventbench/report/chart.h"
#include "tools/eventbench/report/figures.h"
#include "tools/eventbench/report/text.h"

namespace eventstore::eventbench {
namespace {

// The share that is slower, as a place on the axis: 0 at the median's side, one more for each further nine.
double PlaceOf(double percent) { return -std::log10(1 - percent / 100); }

Chart LatencyChart(const RunResult& result) {
  Chart chart{.title = "Latency by percentile", .x_label = "percentile", .y_label = "ms", .log_y = true};
  chart.x_marks = {{0, "0"}, {PlaceOf(90), "90"}, {PlaceOf(99), "99"}, {PlaceOf(99.9), "99.9"}, {4, "99.99"}};
  Totals all;
  for (const Row& row : Rows(result, all)) {
    if (row.totals->operations == 0) continue;
    Line line{.name = row.name, .points = {}};
    for (int twentieth = 0; twentieth <= 80; ++twentieth) {
      const double place = twentieth / 20.0;
      const double percent = 100 * (1 - std::pow(10, -place));
      // Beyond the last operation there is nothing to say.
      if (std::pow(10, place) > static_cast<double>(row.totals->operations) * 1.0001) break;
      line.points.emplace_back(place, static_cast<double>(row.totals->latency.Percentile(percent)) / 1e6);
    }
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

std::array<Chart, 2> OverTime(const RunResult& result) {
  const double step = std::chrono::duration<double>(result.recorder.step()).count();
  Chart rate{.title = "Rate over time",
             .x_label = "seconds",
             .y_label = "per second",
             .lines = {{"events", {}}, {"operations", {}}}};
  Chart latency{.title = "Latency over time",
                .x_label = "seconds",
                .y_label = "ms",
                .log_y = true,
                .lines = {{"p50", {}}, {"p99", {}}}};
  double at = 0;
  for (const Stretch& stretch : result.recorder.stretches()) {
    // The last stretch may be cut short.
    const double length = std::min(step, std::max(1e-9, result.seconds - at));
    if (at >= result.seconds) break;
    const double middle = at + length / 2;
    rate.lines[0].points.emplace_back(middle, static_cast<double>(stretch.events) / length);
    rate.lines[1].points.emplace_back(middle, static_cast<double>(stretch.operations) / length);
    if (stretch.operations > 0) {
      latency.lines[0].points.emplace_back(middle, static_cast<double>(stretch.latency.Percentile(50)) / 1e6);
      latency.lines[1].points.emplace_back(middle, static_cast<double>(stretch.latency.Percentile(99)) / 1e6);
    }
    at += step;
  }
  return {std::move(rate), std::move(latency)};
}

}  // namespace

std::string ResultSvg(const Options& options, const RunResult& result) {
  auto [rate, latency] = OverTime(result);
  return ToSvg("eventbench: " + options.mix.Text(), {LatencyChart(result), std::move(rate), std::move(latency)});
}

std::string ResultHtml(const Options& options, const RunResult& result) {
  std::ostringstream figures;
  PrintResult(figures, eventctl::Terminal{.utf8 = true}, options, result);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>eventbench: {0}</title>\n"
      "<style>:root{{color-scheme:light dark}}body{{font:14px system-ui,sans-serif;max-width:900px;margin:2em auto;"
      "padding:0 1em}}pre{{overflow-x:auto}}svg{{max-width:100%;height:auto}}</style>\n"
      "<h1>eventbench</h1>\n<pre>{1}</pre>\n{2}</html>\n",
      Escaped(options.mix.Text()), Escaped(figures.str()), ResultSvg(options, result));
}

}  // namespace eventstore::eventbench
