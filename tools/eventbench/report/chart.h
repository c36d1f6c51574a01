// Charts as SVG, drawn by hand: lines over an axis that is linear or logarithmic. They follow the reader's light or dark
// colours and need nothing from the network.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace eventstore::eventbench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

struct Chart {
  std::string title{};
  std::string x_label{};
  std::string y_label{};
  bool log_y = false;
  // Marks of the x axis: where, and what is written there. Empty: round numbers.
  std::vector<std::pair<double, std::string>> x_marks{};
  std::vector<Line> lines{};
};

// Charts below each other, in one picture with `heading` above.
std::string ToSvg(const std::string& heading, const std::vector<Chart>& charts);

// For text inside of XML or HTML.
std::string Escaped(const std::string& text);

}  // namespace eventstore::eventbench
