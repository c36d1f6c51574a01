#include "server/service/admission.h"

#include <iterator>

#include "fmt/format.h"
#include "server/service/rpc_access.h"

namespace eventstore::service {
namespace {

constexpr char kAuthorizationHeader[] = "authorization";

security::Credentials CredentialsOf(const grpc::CallbackServerContext& context) {
  security::Credentials credentials;
  const auto [first, end] = context.client_metadata().equal_range(kAuthorizationHeader);
  if (first != end) {
    credentials.ambiguous = std::next(first) != end;
    credentials.authorization = std::string_view(first->second.data(), first->second.size());
    return credentials;
  }
  // Without TLS, or where it asks clients for no certificate, there are none.
  const auto peer = context.auth_context();
  if (!peer || !peer->IsPeerAuthenticated()) return credentials;
  for (const char* property : {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    for (const auto& value : peer->FindPropertyValues(property)) {
      credentials.certificate_names.emplace_back(value.data(), value.size());
    }
  }
  return credentials;
}

}  // namespace

Gate::Gate(const security::Authenticator* authenticator) : authenticator_(authenticator) {
  for (const auto& name : RpcNames()) methods_.push_back(fmt::format("{}/{}", name.service, name.method));
}

Admission Gate::Admit(Rpc rpc, const grpc::CallbackServerContext& context) const {
  if (authenticator_ == nullptr) return {rpc, absl::OkStatus(), nullptr};
  auto identity = authenticator_->Identify(CredentialsOf(context));
  if (!identity.ok()) return {rpc, identity.status(), nullptr};
  absl::Status checked = domain::access::CheckCall(**identity, RuleOf(rpc), methods_.at(static_cast<std::size_t>(rpc)));
  return {rpc, std::move(checked), *std::move(identity)};
}

}  // namespace eventstore::service
