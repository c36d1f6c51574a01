#include "server/service/admission.h"

#include <iterator>

#include "fmt/format.h"
#include "server/domain/error.h"
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

std::shared_ptr<const Proof> Kept(security::Credentials credentials) {
  Proof proof;
  if (credentials.authorization) proof.authorization = std::string(*credentials.authorization);
  proof.certificate_names = std::move(credentials.certificate_names);
  return std::make_shared<const Proof>(std::move(proof));
}

}  // namespace

Gate::Gate(const security::Authenticator* authenticator, const domain::RequestLimits& limits, Quotas& quotas)
    : authenticator_(authenticator), limits_(limits), quotas_(quotas) {
  for (const auto& name : RpcNames()) {
    methods_.push_back(fmt::format("{}/{}", name.service, name.method));
    endless_.push_back(name.endless);
  }
}

Admission Gate::Admit(Rpc rpc, const grpc::CallbackServerContext& context) const {
  const auto number = static_cast<std::size_t>(rpc);
  Admission admission(rpc, limits_);
  if (IsAudited(rpc)) admission.peer_ = context.peer();
  if (authenticator_ != nullptr) {
    security::Credentials credentials = CredentialsOf(context);
    admission.credential_ = security::KindOf(credentials);
    auto identity = authenticator_->Identify(credentials);
    admission.status_ = identity.status();
    if (!identity.ok()) return admission;
    admission.identity_ = *std::move(identity);
    if (endless_[number]) admission.proof_ = Kept(std::move(credentials));
  }
  auto pass = quotas_.Enter(
      endless_[number], [&] { return admission.identity_ ? admission.identity_->name : AddressOf(context.peer()); });
  admission.status_ = pass.status();
  if (!pass.ok()) return admission;
  admission.pass_ = *std::move(pass);
  if (admission.identity_) {
    admission.status_ = CheckCall(*admission.identity_, rpc);
  }
  return admission;
}

absl::Status Gate::StillAdmits(const Admission& admission) const {
  if (!admission.proof_) return absl::OkStatus();
  security::Credentials credentials;
  credentials.authorization = admission.proof_->authorization;
  credentials.certificate_names = admission.proof_->certificate_names;
  const auto identity = authenticator_->Identify(credentials);
  if (!identity.ok()) return identity.status();
  if (absl::Status checked = CheckCall(**identity, admission.rpc_); !checked.ok()) return checked;
  // What it was begun with holds for all of it: filters were narrowed, a group was joined.
  if (**identity == *admission.identity_) return absl::OkStatus();
  domain::Error error;
  error.reason = domain::Reason::kOutsideLimits;
  error.message = fmt::format("what '{}' may do has changed since this stream began; call again", (*identity)->name);
  error.metadata = {{"identity", (*identity)->name}};
  return domain::ToStatus(error);
}

absl::Status Gate::CheckCall(const domain::access::Identity& identity, Rpc rpc) const {
  return domain::access::CheckCall(identity, RuleOf(rpc), methods_.at(static_cast<std::size_t>(rpc)));
}

}  // namespace eventstore::service
