// Whether a call may go on, decided once when it arrives. No reactor can be made and no request read without an Admission
// (observed_call.h, request_parser.h), and only the Gate makes them; so there is no way past it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/access/recorded_by.h"
#include "server/domain/access/rules.h"
#include "server/domain/request_limits.h"
#include "server/security/authenticator.h"
#include "server/service/quotas.h"
#include "server/service/rpc.h"

namespace eventstore::service {

// What a call brought to say who makes it, kept as long as a stream is open.
struct Proof {
  std::optional<std::string> authorization;
  std::vector<std::string> certificate_names;
};

class Admission {
 public:
  Rpc rpc() const { return rpc_; }
  // Not ok: the call is to be refused with this, before anything of it is read.
  const absl::Status& status() const { return status_; }
  // For the log. Empty: nobody was asked, or the credentials were no good.
  std::string_view identity() const { return identity_ ? std::string_view(identity_->name) : std::string_view(); }
  // Of a call that is audited (rpc_access.h): by what the identity was proven, and the address that the call comes from.
  std::string_view credential() const { return credential_; }
  const std::string& peer() const { return peer_; }
  bool limited() const { return identity_ && !identity_->limits.none(); }
  // Of the size of requests.
  const domain::RequestLimits& limits() const { return *limits_; }

  // For whoever keeps it longer than the call is under way.
  Admission WithoutPass() const {
    Admission copy = *this;
    copy.pass_ = nullptr;
    return copy;
  }

  // Once for each request that appends: what the caller may append, and how often.
  // Who appends is added to the events, if it is to be kept.
  absl::Status CheckAppend(domain::AppendBatch& batch) const {
    if (absl::Status allowed = Check(domain::access::CheckAppend, batch); !allowed.ok()) return allowed;
    if (identity_ && !limits_->reserved_member.empty()) domain::access::StampRecordedBy(*identity_, batch);
    return pass_ ? pass_->TakeAppends(batch.appends.size()) : absl::OkStatus();
  }

  // The rules of domain/access for this caller: Check(access::CheckAppend, batch). All is well where nobody is asked.
  template <typename Rule, typename... Request>
  absl::Status Check(const Rule& rule, Request&&... request) const {
    return identity_ ? rule(*identity_, std::forward<Request>(request)...) : absl::OkStatus();
  }
  template <typename Query>
  absl::Status Narrow(Query& query) const {
    return identity_ ? domain::access::Narrow(*identity_, query) : absl::OkStatus();
  }

 private:
  friend class Gate;
  Admission(Rpc rpc, const domain::RequestLimits& limits) : rpc_(rpc), limits_(&limits) {}

  Rpc rpc_;
  const domain::RequestLimits* limits_;
  absl::Status status_ = absl::OkStatus();
  security::IdentityPtr identity_;
  Quotas::PassPtr pass_;
  std::shared_ptr<const Proof> proof_;  // of streams without an end of their own, where somebody is asked
  std::string_view credential_ = "none";
  std::string peer_;
};

// Thread-safe. Outlives every call.
class Gate {
 public:
  // No authenticator: everybody may do everything, and quotas are those of addresses.
  Gate(const security::Authenticator* authenticator, const domain::RequestLimits& limits, Quotas& quotas);

  // Quotas go before roles: whoever is refused for a role all the time is slowed down as well.
  Admission Admit(Rpc rpc, const grpc::CallbackServerContext& context) const;
  // Of an open stream, some time later: not ok when its key, token or certificate no longer says who calls, or says
  // somebody who may do other things than this stream was begun with.
  absl::Status StillAdmits(const Admission& admission) const;

 private:
  absl::Status CheckCall(const domain::access::Identity& identity, Rpc rpc) const;

  const security::Authenticator* const authenticator_;
  const domain::RequestLimits limits_;
  Quotas& quotas_;
  std::vector<std::string> methods_;  // "eventstore.v1.EventStore/Append", in the order of Rpc
  std::vector<bool> endless_;
};

}  // namespace eventstore::service
