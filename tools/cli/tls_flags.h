// The flags by which a tool reaches a server with TLS, and what becomes of them.
#pragma once

#include <grpcpp/security/credentials.h>

#include <CLI/CLI.hpp>

#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "eventstore/tls.h"

namespace eventstore::cli {

struct TlsFlags {
  bool tls = false;
  client::TlsOptions files = {};

  void AddTo(CLI::App& app) {
    app.add_flag("--tls", tls, "The server speaks TLS; its certificate is checked against the system's authorities");
    Add(app, "--tls-ca", "EVENTSTORE_CLIENT_TLS_CA", files.ca_file,
        "The authorities it is checked against; means --tls");
    Add(app, "--tls-cert", "EVENTSTORE_CLIENT_TLS_CERT", files.certificate_file,
        "The certificate of this client, where the server wants one");
    Add(app, "--tls-key", "EVENTSTORE_CLIENT_TLS_KEY", files.key_file, "Its key");
  }

  // To be called when the flags are read; throws CLI::ValidationError. It does not call gRPC, which would start threads before
  // the program has said which signals they leave alone.
  void Check() const {
    if (files.certificate_file.empty() != files.key_file.empty()) {
      throw CLI::ValidationError("--tls-cert and --tls-key are of use together only: give both");
    }
    for (const std::string* path : {&files.ca_file, &files.certificate_file, &files.key_file}) {
      if (!path->empty() && !std::ifstream(*path)) throw CLI::ValidationError(*path + " cannot be read");
    }
  }

  std::shared_ptr<grpc::ChannelCredentials> Credentials() const {
    if (!tls && files.ca_file.empty() && files.certificate_file.empty()) return grpc::InsecureChannelCredentials();
    auto credentials = client::TlsCredentials(files);
    if (!credentials.ok()) throw std::runtime_error(std::string(credentials.status().message()));
    return *std::move(credentials);
  }

 private:
  static void Add(CLI::App& app, const char* flag, const char* variable, std::string& file, const std::string& what) {
    app.add_option(flag, file, what + " (default " + variable + ")")->envname(variable)->option_text("FILE");
  }
};

}  // namespace eventstore::cli
