// A Certificate that follows its files: read again when they have changed, without a restart. Files that are wrong are told
// of once, and the old content stays.
//
// Looked at when it is asked for, at most once a second: a handshake costs a few stat() calls then. Replace files by
// renaming new ones over them, the key first; between the two the old pair stays in use. Thread-safe.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/tls/certificate.h"

namespace eventstore::tls {

class CertificateWatch {
 public:
  // Fails when the files are wrong now.
  static absl::StatusOr<std::unique_ptr<CertificateWatch>> Begin(Files files, const domain::Clock& clock);

  std::shared_ptr<const Certificate> Get();

 private:
  // Of one file: its time of change, size and number. All zero: it is not there.
  using Stamp = std::array<std::int64_t, 3>;
  using Stamps = std::array<Stamp, 3>;

  CertificateWatch(Files files, const domain::Clock& clock) : files_(std::move(files)), clock_(clock) {}
  Stamps Look() const;

  const Files files_;
  const domain::Clock& clock_;

  std::mutex mutex_;
  std::shared_ptr<const Certificate> current_;
  Stamps stamps_{};
  domain::MonotonicTime looked_at_{};
};

}  // namespace eventstore::tls
