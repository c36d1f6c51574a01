// A question before something that cannot be taken back.
#pragma once

#include <istream>
#include <string>

#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

// True: go on. `yes`: it was said on the command line. Else the person at the terminal is asked; where there is none, or the
// answer is no, the context's exit code says so.
bool Confirm(Context& context, const std::string& question, bool yes);

// "y" or "yes", in any case. For a line that could not be read: no.
bool IsYes(std::istream& in);

}  // namespace eventstore::eventctl
