// The HTTP side: GET /healthz (the process runs), /readyz (it serves: 200, else 503), /metrics (Prometheus).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/observability/metrics.h"

namespace eventstore::observability {

class HttpServer {
 public:
  // `listen`: HOST:PORT, port 0 for any. `ready` is asked on every /readyz.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen, std::function<bool()> ready,
                                                           std::vector<Metric> metrics);
  ~HttpServer();

  int port() const { return port_; }

 private:
  struct Parts;
  HttpServer(std::unique_ptr<Parts> parts, int port);
  std::unique_ptr<Parts> parts_;
  int port_;
};

}  // namespace eventstore::observability
