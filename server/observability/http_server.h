// The HTTP side: GET /healthz (the process runs), /readyz (it serves: 200, else 503), /metrics (Prometheus). None of them
// waits for the database.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/observability/metrics.h"
#include "server/observability/readiness.h"
#include "server/tls/certificate_watch.h"

namespace eventstore::observability {

class HttpServer {
 public:
  // `listen`: HOST:PORT, port 0 for any. `facts` is asked on every /readyz and /healthz. `metrics` outlives the server, and
  // so does `tls`; null: without TLS.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen, tls::CertificateWatch* tls,
                                                           std::function<ServingFacts()> facts, const Metrics& metrics);
  ~HttpServer();

  int port() const { return port_; }

 private:
  struct Parts;
  HttpServer(std::unique_ptr<Parts> parts, int port);
  std::unique_ptr<Parts> parts_;
  int port_;
};

}  // namespace eventstore::observability
