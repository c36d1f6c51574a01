// The key or token that tells the server who calls.
#pragma once

#include <grpcpp/support/client_interceptor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::client {

// Asked before each call, retries included, on the thread that makes it: so a token that expires is replaced by giving
// another one. Thread-safe and quick: it gives what is at hand. Empty: the call goes without. Whoever can read the network
// can read what it gives, unless the channel is encrypted.
using TokenProvider = std::function<std::string()>;

// For a channel of your own (grpc::experimental::CreateCustomChannelWithInterceptors): each call carries the metadata
// `authorization: Bearer` and the token. Options::token does the same for the client's own channel.
std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> TokenInterceptors(
    TokenProvider provider);

}  // namespace eventstore::client
