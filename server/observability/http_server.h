// The HTTP side: GET /healthz (the process runs), /readyz (it serves: 200, else 503), /metrics (Prometheus). None of them
// waits for the database.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/observability/metrics.h"
#include "server/observability/readiness.h"
#include "server/tls/certificate_watch.h"

namespace eventstore::observability {

class HttpServer {
 public:
  // `listen`: HOST:PORT, port 0 for any. `facts` is asked on every /readyz and /healthz. `metrics` outlives the server, and
  // so do `tls` (null: without TLS) and `clock`. A connection is one request, of at most ten seconds.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen, tls::CertificateWatch* tls,
                                                           std::function<ServingFacts()> facts, const Metrics& metrics,
                                                           const domain::Clock& clock);
  ~HttpServer();

  int port() const { return port_; }

 private:
  struct Parts;
  HttpServer(std::unique_ptr<Parts> parts, int port);
  std::unique_ptr<Parts> parts_;
  int port_;
};

}  // namespace eventstore::observability
