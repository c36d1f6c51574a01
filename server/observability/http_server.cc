#include "server/observability/http_server.h"

#include <httplib.h>

#include <chrono>
#include <thread>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/observability/connection_age.h"
#include "server/tls/contexts.h"

namespace eventstore::observability {
namespace {

// Probes and scrapers are few. More than they need, since whoever sends slowly keeps one until it is ended.
constexpr std::size_t kThreads = 16;
// Of a connection, which is one request.
constexpr std::chrono::seconds kLongest{10};
constexpr char kJson[] = "application/json";

}  // namespace

struct HttpServer::Parts {
  std::function<ServingFacts()> facts;
  const Metrics* metrics = nullptr;
  std::unique_ptr<httplib::Server> server;
  std::thread thread;
  std::unique_ptr<ConnectionAge> ages;
};

HttpServer::HttpServer(std::unique_ptr<Parts> parts, int port) : parts_(std::move(parts)), port_(port) {}

HttpServer::~HttpServer() {
  parts_->server->stop();
  if (parts_->thread.joinable()) parts_->thread.join();
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen, tls::CertificateWatch* tls,
                                                              std::function<ServingFacts()> facts,
                                                              const Metrics& metrics, const domain::Clock& clock) {
  auto parts = std::make_unique<Parts>();
  parts->facts = std::move(facts);
  parts->metrics = &metrics;
  if (tls == nullptr) {
    parts->server = std::make_unique<httplib::Server>();
  } else {
    parts->server = std::make_unique<httplib::SSLServer>([tls](SSL_CTX& context) { return tls::SetUp(context, *tls); });
    if (!parts->server->is_valid())
      return domain::ErrorOf(domain::Reason::kInternal, "OpenSSL made no TLS context for HTTP");
  }
  httplib::Server& server = *parts->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_payload_max_length(1024);  // nothing here takes a body
  server.set_read_timeout(5, 0);
  server.set_write_timeout(5, 0);
  server.set_keep_alive_timeout(5);
  server.set_keep_alive_max_count(1);
  // The default also sets SO_REUSEPORT, which would let two servers share the port.
  server.set_socket_options([](int socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  Parts* const shared = parts.get();
  server.Get("/healthz", [shared](const httplib::Request&, httplib::Response& response) {
    response.set_content(ReadinessJson("alive", shared->facts()), kJson);
  });
  server.Get("/readyz", [shared](const httplib::Request&, httplib::Response& response) {
    const ServingFacts now = shared->facts();
    const bool ready = IsReady(now);
    response.status = ready ? 200 : 503;
    response.set_content(ReadinessJson(ready ? "serving" : "not serving", now), kJson);
  });
  server.Get("/metrics", [shared](const httplib::Request&, httplib::Response& response) {
    response.set_content(shared->metrics->Text(), "text/plain; version=0.0.4");
  });

  const auto colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  int port = std::stoi(listen.substr(colon + 1));
  const bool bound = port == 0 ? (port = server.bind_to_any_port(host)) > 0 : server.bind_to_port(host, port);
  if (!bound) {
    return domain::ErrorOf(domain::Reason::kInternal,
                           fmt::format("cannot listen on {} for HTTP: the address is in use or not one of this "
                                       "machine's; stop the other server or choose another with --http-listen",
                                       listen));
  }
  parts->ages = std::make_unique<ConnectionAge>(port, kLongest, clock);
  parts->thread = std::thread([shared] { shared->server->listen_after_bind(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts), port));
}

}  // namespace eventstore::observability
