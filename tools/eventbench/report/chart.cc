#include "tools/eventbench/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace eventstore::eventbench {
namespace {

// Pixels.
constexpr double kWidth = 860;
constexpr double kLeft = 80;
constexpr double kRight = 150;  // for the names of the lines
constexpr double kHeading = 40;
constexpr double kChartHeight = 290;
constexpr double kAbove = 40;
constexpr double kBelow = 50;

// Told apart also by those who do not see red and green as different (Okabe and Ito).
constexpr const char* kStyle =
    "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}.h{font-size:16px;font-weight:600}"
    ".g{stroke:#d0d7de;stroke-width:1}.l{fill:none;stroke-width:2}.b{fill:#fff}"
    ".c0{stroke:#0072b2}.c1{stroke:#d55e00}.c2{stroke:#009e73}.c3{stroke:#cc79a7}.c4{stroke:#e69f00}.c5{stroke:#56b4e9}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#30363d}.b{fill:#0d1117}}</style>";
constexpr std::size_t kColours = 6;

struct Span {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// 1, 2 or 5 times a power of ten, so that about `steps` of it make `span`.
double RoundStep(double span, int steps) {
  const double rough = std::max(span, 1e-9) / steps;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

std::string Number(double value) {
  if (std::abs(value) >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (std::abs(value) >= 1e4) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:g}", value);
}

// One chart, at its place in the picture.
class Drawing {
 public:
  Drawing(const Chart& chart, double top) : chart_(chart), top_(top + kAbove), bottom_(top + kChartHeight - kBelow) {
    Span x;
    Span y;
    for (const auto& line : chart.lines) {
      for (const auto& [px, py] : line.points) {
        x.Take(px);
        if (!chart.log_y || py > 0) y.Take(py);
      }
    }
    for (const auto& [at, text] : chart.x_marks) x.Take(at);
    if (x.low > x.high) x = {.low = 0, .high = 1};
    if (y.low > y.high) y = {.low = 1, .high = 10};
    if (x.high - x.low < 1e-9) x.high = x.low + 1;
    x_ = x;
    if (chart.log_y) {
      y_ = {.low = std::pow(10, std::floor(std::log10(y.low))), .high = std::pow(10, std::ceil(std::log10(y.high)))};
      if (y_.high <= y_.low) y_.high = y_.low * 10;
    } else {
      const double step = RoundStep(std::max(y.high, 1e-9), 4);
      y_ = {.low = 0, .high = std::max(step, std::ceil(y.high / step) * step)};
    }
  }

  std::string Text() {
    Add(R"(<text class="t" x="{}" y="{}">{}</text>)", kLeft, top_ - 18, Escaped(chart_.title));
    DrawAxes();
    // Names at the ends of the lines, moved apart where they would overlap.
    std::vector<std::pair<double, std::size_t>> ends;
    for (std::size_t i = 0; i < chart_.lines.size(); ++i) {
      DrawLine(i);
      if (!chart_.lines[i].points.empty()) ends.emplace_back(Y(chart_.lines[i].points.back().second), i);
    }
    std::ranges::sort(ends);
    double free = top_;
    for (const auto& [y, i] : ends) {
      const double at = std::max(y, free);
      free = at + 16;
      Add(R"(<line class="l c{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", i % kColours, kWidth - kRight + 8,
          kWidth - kRight + 22, at, at);
      Add(R"(<text x="{}" y="{:.1f}">{}</text>)", kWidth - kRight + 27, at + 4, Escaped(chart_.lines[i].name));
    }
    return std::move(text_);
  }

 private:
  template <typename... Values>
  void Add(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
    text_ += '\n';
  }

  double X(double value) const { return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    const double share = chart_.log_y ? std::log10(std::max(value, y_.low) / y_.low) / std::log10(y_.high / y_.low)
                                      : (value - y_.low) / (y_.high - y_.low);
    return bottom_ - share * (bottom_ - top_);
  }

  void DrawAxes() {
    const auto y_mark = [this](double value) {
      Add(R"(<line class="g" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", kLeft, kWidth - kRight, Y(value), Y(value));
      Add(R"(<text text-anchor="end" x="{}" y="{:.1f}">{}</text>)", kLeft - 8, Y(value) + 4, Number(value));
    };
    if (chart_.log_y) {
      for (int decade = 0; y_.low * std::pow(10, decade) <= y_.high * 1.001; ++decade) {
        y_mark(y_.low * std::pow(10, decade));
      }
    } else {
      const double step = RoundStep(y_.high, 4);
      for (int mark = 0; mark * step <= y_.high * 1.001; ++mark) y_mark(mark * step);
    }
    auto marks = chart_.x_marks;
    if (marks.empty()) {
      const double step = RoundStep(x_.high - x_.low, 8);
      const double first = std::ceil(x_.low / step) * step;
      for (int mark = 0; first + mark * step <= x_.high + step / 1e3; ++mark) {
        marks.emplace_back(first + mark * step, Number(first + mark * step));
      }
    }
    for (const auto& [at, text] : marks) {
      Add(R"(<text text-anchor="middle" x="{:.1f}" y="{}">{}</text>)", X(at), bottom_ + 18, Escaped(text));
    }
    Add(R"(<text text-anchor="middle" x="{}" y="{}">{}</text>)", (kLeft + kWidth - kRight) / 2, bottom_ + 38,
        Escaped(chart_.x_label));
    Add("<text text-anchor=\"middle\" transform=\"translate(18 {}) rotate(-90)\">{}</text>", (top_ + bottom_) / 2,
        Escaped(chart_.y_label));
  }

  void DrawLine(std::size_t i) {
    std::string points;
    for (const auto& [x, y] : chart_.lines[i].points) points += fmt::format("{:.1f},{:.1f} ", X(x), Y(y));
    Add(R"(<polyline class="l c{}" points="{}"/>)", i % kColours, points);
  }

  const Chart& chart_;
  const double top_;
  const double bottom_;
  Span x_;
  Span y_;
  std::string text_;
};

}  // namespace

std::string Escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string ToSvg(const std::string& heading, const std::vector<Chart>& charts) {
  const double height = kHeading + kChartHeight * static_cast<double>(charts.size());
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
      "aria-label=\"{2}\">\n{3}\n<rect class=\"b\" width=\"{0}\" height=\"{1}\"/>\n<text class=\"h\" x=\"{4}\" "
      "y=\"26\">{2}</text>\n",
      kWidth, height, Escaped(heading), kStyle, 16);
  for (std::size_t i = 0; i < charts.size(); ++i) {
    svg += Drawing(charts[i], kHeading + kChartHeight * static_cast<double>(i)).Text();
  }
  return svg + "</svg>\n";
}

}  // namespace eventstore::eventbench
