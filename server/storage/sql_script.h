// Looks into an SQL script without running it: just enough to see where statements begin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eventstore::storage {

// The first two words of each statement, upper case, "" where there is none: {"CREATE TABLE", "COMMIT"}. Comments,
// strings, quoted names, dollar quotes and parentheses are skipped. A function body written as BEGIN ATOMIC … END
// counts as statements of its own.
std::vector<std::string> StatementStarts(std::string_view script);

// The first statement that would begin or end a transaction, such as "COMMIT"; "" when there is none.
std::string FindTransactionControl(std::string_view script);

}  // namespace eventstore::storage
