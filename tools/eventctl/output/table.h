// Rows under headings, printed while they come: the widths are taken from the first rows, and no more than those are
// ever held.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "tools/eventctl/output/terminal.h"

namespace eventstore::eventctl {

struct Column {
  std::string heading;
  bool right = false;
  // Widest this column gets on a terminal, 0: no limit. Not on a terminal nothing is ever cut.
  int max_width = 0;
};

class Table {
 public:
  // The last column takes what is left of the terminal's width.
  Table(std::ostream& out, const Terminal& terminal, std::vector<Column> columns);

  // As many cells as there are columns.
  void Row(std::vector<std::string> cells);
  // Prints what is held back, for now or at the end. A table without rows prints nothing.
  void Flush();

  std::size_t rows() const { return rows_; }

 private:
  static constexpr std::size_t kRowsToMeasure = 100;

  void Measure();
  void Print(const std::vector<std::string>& cells, bool heading);

  std::ostream& out_;
  const Terminal terminal_;
  const std::vector<Column> columns_;
  std::vector<int> widths_;  // empty: not measured yet
  std::vector<std::vector<std::string>> held_;
  std::size_t rows_ = 0;
};

}  // namespace eventstore::eventctl
