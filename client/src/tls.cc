#include "eventstore/tls.h"

#include <grpcpp/security/credentials.h>

#include <fstream>
#include <sstream>

namespace eventstore::client {
namespace {

absl::Status ReadInto(const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  text = content.str();
  if (!text.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("TLS: " + path + " cannot be read, or is empty");
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(const TlsOptions& options) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError("TLS: a client's certificate and its key are of use together only: give both");
  }
  grpc::SslCredentialsOptions pem;
  for (const auto& [path, text] :
       {std::pair(&options.ca_file, &pem.pem_root_certs), std::pair(&options.certificate_file, &pem.pem_cert_chain),
        std::pair(&options.key_file, &pem.pem_private_key)}) {
    if (absl::Status read = ReadInto(*path, *text); !read.ok()) return read;
  }
  return grpc::SslCredentials(pem);
}

}  // namespace eventstore::client
