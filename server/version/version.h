#pragma once

#include <string>

namespace eventstore {

// What the programs were built from. Written by cmake/Version.cmake.
struct BuildVersion {
  const char* version;  // of the project, such as "0.1.0"
  const char* commit;   // its whole hash; empty when built outside of git
  bool changed;         // files of the commit had been changed
};

extern const BuildVersion kBuildVersion;

// The commit in twelve digits, with a "+" when files had been changed; "unknown" when built outside of git.
std::string ShortCommit(const BuildVersion& build = kBuildVersion);

// What `program --version` prints, without a line end: "eventctl 0.1.0 (commit 0123456789ab)".
std::string VersionLine(const std::string& program, const BuildVersion& build = kBuildVersion);

}  // namespace eventstore
