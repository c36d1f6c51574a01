// Everything that a run is told.
#pragma once

#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/eventbench/options/mix.h"

namespace eventstore::eventbench {

enum class Distribution : std::uint8_t {
  kUniform,   // every aggregate as often
  kZipf,      // few aggregates often, many seldom
  kHot,       // one aggregate alone
  kDistinct,  // a new aggregate for each append
};

enum class Drain : std::uint8_t {
  kNone,
  kSubscription,  // by one subscriber, until it has caught up
  kGroup,         // by the consumers of a new group, with every event acknowledged
};

struct Options {
  std::string server = "127.0.0.1:50051";
  // Of the TLS flags; called when a connection is made, and not before.
  std::function<std::shared_ptr<grpc::ChannelCredentials>()> make_credentials = grpc::InsecureChannelCredentials;
  std::string token_file;  // empty: calls carry no key or token
  Mix mix;

  // How long, how much at a time.
  double seconds = 10;
  double warmup = 2;
  int in_flight = 64;
  double rate = 0;  // operations a second started whatever the answers do; 0: the next when one is answered
  int connections = 2;
  int threads = 1;
  double timeout = 30;  // seconds, of a call

  // What is written.
  std::int64_t aggregates = 10'000;
  Distribution distribution = Distribution::kUniform;
  double zipf_exponent = 0.99;
  std::vector<std::string> given_aggregates;  // instead of made ones
  bool exact = false;                         // expected_version; else any_version
  int events = 1;                             // of an append
  int batch_size = 100;
  bool batch_as_events = false;  // one Append of batch_size events; else AppendBatch of batch_size appends
  int stream_items = 64;         // of one message, at most
  int payload = 200;             // bytes of data
  int users = 1'000;
  int fill = 0;            // events each aggregate gets before the clock starts
  std::uint64_t seed = 0;  // of ids and choices; 0: another one each time

  // What is read.
  int read_limit = -1;  // events of one read; 0: all; -1: all of an aggregate or workflow, 100 of a user or of the tail
  bool newest_first = false;

  bool verify = false;

  // Subscribers beside the load.
  int follow = 0;

  // Instead of the mix: everything that is stored is taken in once.
  Drain drain = Drain::kNone;
  int consumers = 4;  // of a group

  // Instead of the mix: streams that are only kept open.
  int hold_reads = 0;
  int hold_appends = 0;
  double hold_pause = 5;  // seconds between two pages of a reader

  bool holds() const { return hold_reads + hold_appends > 0; }
};

// What single flags cannot see of themselves; the error is for people.
absl::Status Check(const Options& options);

std::string NameOf(Distribution distribution);

}  // namespace eventstore::eventbench
