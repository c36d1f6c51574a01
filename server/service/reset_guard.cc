#include "server/service/reset_guard.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "spdlog/spdlog.h"

namespace eventstore::service {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// What a client resets in so long gets in unseen: some thousands of calls.
constexpr std::chrono::milliseconds kInterval{100};
// Looking at thousands of connections takes a while: four times as long it rests, so that it takes a fifth of a core at most.
constexpr int kRest = 4;

// Of a processor, not of the wall: under attack this thread waits for one, and must not rest the longer for that.
std::chrono::nanoseconds TimeOfThread() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

std::string Taken(char* text) {
  const std::unique_ptr<char, decltype(&gpr_free)> owner(text, &gpr_free);
  return text == nullptr ? std::string() : std::string(text);
}

Struct Parsed(const std::string& json) {
  Struct parsed;
  if (!google::protobuf::util::JsonStringToMessage(json, &parsed).ok()) parsed.Clear();
  return parsed;
}

const Value& Member(const Struct& in, const char* name) {
  const auto found = in.fields().find(name);
  return found == in.fields().end() ? Value::default_instance() : found->second;
}

// Numbers of 64 bits are text in protobuf's JSON, and left out if 0.
std::int64_t Number(const Value& value) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(value.string_value(), &number) ? number : 0;
}

std::vector<HeldCalls> ConnectionsOfServers(const Struct& servers) {
  std::vector<HeldCalls> connections;
  for (const auto& server : Member(servers, "server").list_value().values()) {
    const auto id = Number(Member(Member(server.struct_value(), "ref").struct_value(), "serverId"));
    for (std::int64_t from = 0;;) {
      const Struct page = Parsed(Taken(grpc_channelz_get_server_sockets(id, from, 0)));
      for (const auto& socket : Member(page, "socketRef").list_value().values()) {
        const auto socket_id = Number(Member(socket.struct_value(), "socketId"));
        connections.push_back(CallsHeldBySocket(Taken(grpc_channelz_get_socket(socket_id))));
        from = socket_id + 1;
      }
      if (Member(page, "end").bool_value() || Member(page, "socketRef").list_value().values().empty()) break;
    }
  }
  return connections;
}

}  // namespace

std::int64_t CallsBegun(const std::string& servers_json) {
  std::int64_t begun = 0;
  const Struct parsed = Parsed(servers_json);
  for (const auto& server : Member(parsed, "server").list_value().values()) {
    begun += Number(Member(Member(server.struct_value(), "data").struct_value(), "callsStarted"));
  }
  return begun;
}

HeldCalls CallsHeldBySocket(const std::string& socket_json) {
  const Struct parsed = Parsed(socket_json);
  const Struct& socket = Member(parsed, "socket").struct_value();
  const Struct& address = Member(Member(socket, "remote").struct_value(), "tcpip_address").struct_value();
  HeldCalls held;
  if (!absl::Base64Unescape(Member(address, "ip_address").string_value(), &held.peer.address)) return {};
  held.peer.port = static_cast<int>(Member(address, "port").number_value());
  const Struct& data = Member(socket, "data").struct_value();
  held.calls = Number(Member(data, "streamsStarted")) - Number(Member(data, "streamsSucceeded")) -
               Number(Member(data, "streamsFailed"));
  return held;
}

ResetGuard::ResetGuard(int port, int streams, const CallCount& calls)
    : port_(port), streams_(streams), calls_(calls), thread_([this] { Run(); }) {}

ResetGuard::~ResetGuard() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void ResetGuard::Run() {
  std::unique_lock lock(mutex_);
  auto pause = kInterval;
  while (!wake_.wait_for(lock, pause, [this] { return stopping_; })) {
    lock.unlock();
    const auto before = TimeOfThread();
    Look();
    const auto took = TimeOfThread() - before;
    pause = std::max(kInterval, std::chrono::ceil<std::chrono::milliseconds>(took * kRest));
    lock.lock();
  }
}

void ResetGuard::Look() {
  // A look at the connections makes and reads JSON for each of them. What is reset at once hardly ever gets to a service
  // while more comes in, so there is nothing to look for as long as calls do.
  const std::string servers = Taken(grpc_channelz_get_servers(0));
  const std::int64_t lost = CallsBegun(servers) - static_cast<std::int64_t>(calls_.begun());
  lost_ = std::min(lost_, lost);
  if (lost - lost_ < streams_ / 2) return;
  lost_ = lost;
  auto connections = ConnectionsOfServers(Parsed(servers));
  std::erase_if(connections, [this](const HeldCalls& held) { return held.calls <= kTimes * streams_; });
  if (!connections.empty()) Cut(connections);
}

void ResetGuard::Cut(const std::vector<HeldCalls>& offenders) {
  observability::ForEachConnection(port_, [&](const observability::OwnSocket& socket) {
    const auto found = std::ranges::find(offenders, socket.peer, &HeldCalls::peer);
    if (found == offenders.end()) return;
    // Takes away what has come in and was not read, too, which may be many more resets; shutdown() leaves it.
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    if (connect(socket.descriptor, &nobody, sizeof(nobody)) != 0) shutdown(socket.descriptor, SHUT_RDWR);
    ++cut_;
    spdlog::warn(
        "cut the connection of {}: {} of its calls are not cleaned up, and it may have {} at once; it begins "
        "calls and resets them",
        observability::Text(socket.peer), found->calls, streams_);
  });
}

}  // namespace eventstore::service
