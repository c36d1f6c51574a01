#include "server/tls/certificate_watch.h"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "spdlog/spdlog.h"

namespace eventstore::tls {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateWatch>> CertificateWatch::Begin(Files files, const domain::Clock& clock) {
  std::unique_ptr<CertificateWatch> watch(new CertificateWatch(std::move(files), clock));
  watch->stamps_ = watch->Look();
  auto loaded = Load(watch->files_);
  if (!loaded.ok()) return loaded.status();
  watch->current_ = *std::move(loaded);
  watch->looked_at_ = clock.Monotonic();
  return watch;
}

CertificateWatch::Stamps CertificateWatch::Look() const {
  Stamps stamps{};
  std::size_t at = 0;
  for (const std::string* path : {&files_.certificate, &files_.key, &files_.client_ca}) {
    struct stat found{};
    if (!path->empty() && ::stat(path->c_str(), &found) == 0) {
      stamps.at(at) = {found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec, found.st_size,
                       static_cast<std::int64_t>(found.st_ino)};
    }
    ++at;
  }
  return stamps;
}

std::shared_ptr<const Certificate> CertificateWatch::Get() {
  const std::scoped_lock lock(mutex_);
  const auto now = clock_.Monotonic();
  if (now - looked_at_ < kBetweenLooks) return current_;
  looked_at_ = now;
  const Stamps stamps = Look();
  if (stamps == stamps_) return current_;
  // Before they are read: what changes meanwhile is seen by the next look.
  stamps_ = stamps;
  auto loaded = Load(files_);
  if (loaded.ok()) {
    current_ = *std::move(loaded);
    spdlog::info("TLS: read {} anew", files_.certificate);
  } else {
    spdlog::warn("{}; the certificate from before stays in use", std::string(loaded.status().message()));
  }
  return current_;
}

}  // namespace eventstore::tls
