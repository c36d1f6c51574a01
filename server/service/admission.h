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
#include "server/domain/access/rules.h"
#include "server/security/authenticator.h"
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
  bool limited() const { return identity_ && !identity_->limits.none(); }

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
  Admission(Rpc rpc, absl::Status status, security::IdentityPtr identity, std::shared_ptr<const Proof> proof = nullptr)
      : rpc_(rpc), status_(std::move(status)), identity_(std::move(identity)), proof_(std::move(proof)) {}

  Rpc rpc_;
  absl::Status status_;
  security::IdentityPtr identity_;
  std::shared_ptr<const Proof> proof_;  // of streams without an end of their own, where somebody is asked
};

// Thread-safe. Outlives every call.
class Gate {
 public:
  // None: everybody may do everything.
  explicit Gate(const security::Authenticator* authenticator);

  Admission Admit(Rpc rpc, const grpc::CallbackServerContext& context) const;
  // Of an open stream, some time later: not ok when its key, token or certificate no longer says who calls, or says
  // somebody who may do other things than this stream was begun with.
  absl::Status StillAdmits(const Admission& admission) const;

 private:
  absl::Status CheckCall(const domain::access::Identity& identity, Rpc rpc) const;

  const security::Authenticator* const authenticator_;
  std::vector<std::string> methods_;  // "eventstore.v1.EventStore/Append", in the order of Rpc
};

}  // namespace eventstore::service
