#include "tools/eventctl/output/table.h"

#include <algorithm>
#include <utility>

namespace eventstore::eventctl {
namespace {

constexpr int kGap = 2;
// The last column is worth at least so much, even where the line then wraps.
constexpr int kMinLastWidth = 10;

}  // namespace

Table::Table(std::ostream& out, const Terminal& terminal, std::vector<Column> columns)
    : out_(out), terminal_(terminal), columns_(std::move(columns)) {}

void Table::Row(std::vector<std::string> cells) {
  ++rows_;
  for (auto& cell : cells) cell = Printable(cell);
  if (!widths_.empty()) {
    Print(cells, false);
    return;
  }
  held_.push_back(std::move(cells));
  if (held_.size() >= kRowsToMeasure) Flush();
}

void Table::Flush() {
  if (widths_.empty() && !held_.empty()) {
    Measure();
    std::vector<std::string> headings;
    headings.reserve(columns_.size());
    for (const auto& column : columns_) headings.push_back(column.heading);
    Print(headings, true);
  }
  for (const auto& cells : held_) Print(cells, false);
  held_.clear();
  out_.flush();
}

void Table::Measure() {
  int used = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].heading);
    for (const auto& cells : held_) width = std::max(width, DisplayWidth(cells[i]));
    const int limit = columns_[i].max_width;
    if (terminal_.columns > 0 && limit > 0) width = std::min(width, std::max(limit, DisplayWidth(columns_[i].heading)));
    if (terminal_.columns > 0 && i + 1 == columns_.size()) width = std::max(terminal_.columns - used, kMinLastWidth);
    widths_.push_back(width);
    used += width + kGap;
  }
}

void Table::Print(const std::vector<std::string>& cells, bool heading) {
  const Style style(terminal_.colour);
  std::string line;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool last = i + 1 == columns_.size();
    const std::string text = terminal_.columns > 0 ? Truncate(cells[i], widths_[i], terminal_.utf8) : cells[i];
    const int missing = std::max(0, widths_[i] - DisplayWidth(text));
    const std::string padding(static_cast<std::size_t>(missing), ' ');
    const std::string shown = heading ? style.Bold(text) : text;
    if (columns_[i].right) {
      line += padding + shown;
    } else {
      line += shown;
      if (!last) line += padding;
    }
    if (!last) line.append(kGap, ' ');
  }
  line += '\n';
  out_ << line;
}

}  // namespace eventstore::eventctl
