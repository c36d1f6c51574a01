// What every command gets: the global flags, where to write, and how to reach the server.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "eventstore/client.h"
#include "tools/eventctl/exit_code.h"
#include "tools/eventctl/output/terminal.h"

namespace eventstore::eventctl {

struct Context {
  // Global flags.
  std::string server = "127.0.0.1:50051";
  std::string token_file{};  // see input/token.h
  bool json = false;
  double timeout_seconds = 0;  // 0: not given

  // Of the TLS flags; empty: without TLS. Called when a connection is made, and not before (tools/cli/tls_flags.h).
  std::function<std::shared_ptr<grpc::ChannelCredentials>()> make_credentials = nullptr;

  // Answers go to `out`, everything else (errors, progress, hints) to `err`.
  std::ostream& out;
  std::ostream& err;
  Terminal out_terminal;
  Terminal err_terminal;

  // What the command that ran ended with.
  ExitCode exit_code = kOk;

  std::shared_ptr<grpc::ChannelCredentials> Credentials() const {
    return make_credentials ? make_credentials() : grpc::InsecureChannelCredentials();
  }
  Style out_style() const { return Style(out_terminal.colour); }
  Style err_style() const { return Style(err_terminal.colour); }
};

// The --timeout, for one call. None given: the client's own defaults.
client::CallOptions CallOptionsOf(const Context& context);

// Gives up after about two seconds without a server: somebody is waiting at the keyboard.
client::EventStoreClient MakeClient(const Context& context, client::Hooks hooks = {});

// For the services that the client does not speak.
std::shared_ptr<grpc::Channel> MakeChannel(const Context& context);

}  // namespace eventstore::eventctl
