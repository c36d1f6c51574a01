// What eventctl tells its caller. Fixed: scripts rely on it.
#pragma once

namespace eventstore::eventctl {

enum ExitCode : int {
  kOk = 0,
  kNegative =
      1,  // it was found out, and the answer is no: violations, pending migrations, refused lines, no such aggregate or group
  kUsage = 2,         // a bad flag, or a value that the server refuses
  kUnreachable = 3,   // the server or database did not answer
  kConflict = 4,      // the aggregate has another version than expected
  kFailed = 5,        // anything else
  kInterrupted = 130  // Ctrl-C before it was done, as shells have it
};

}  // namespace eventstore::eventctl
