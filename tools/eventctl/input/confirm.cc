#include "tools/eventctl/input/confirm.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <iostream>

#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {

bool IsYes(std::istream& in) {
  std::string line;
  if (!std::getline(in, line)) return false;
  std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
  return line == "y" || line == "yes";
}

bool Confirm(Context& context, const std::string& question, bool yes) {
  if (yes) return true;
  if (isatty(STDIN_FILENO) != 1 || !context.err_terminal.is_terminal) {
    ReportUsage(context, question + " Nobody can be asked here: say --yes");
    return false;
  }
  context.err << question << " [y/N] " << std::flush;
  if (IsYes(std::cin)) return true;
  Hint(context, "nothing was done");
  context.exit_code = kNegative;
  return false;
}

}  // namespace eventstore::eventctl
