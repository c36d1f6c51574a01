// eventctl groups consume: be a consumer for a while, to see what a group is given.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "eventstore/group_consumer.h"
#include "tools/eventctl/commands/groups/groups.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/event_text.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

struct ConsumeFlags {
  std::string name;
  std::string consumer_name = "eventctl";
  int max = 0;
  int in_flight = 1;
  std::string park;
};

std::string DeliveryJson(const client::GroupDelivery& delivery) {
  return JsonObject()
      .Add("attempt", delivery.attempt)
      .Add("bucket", delivery.bucket)
      .Add("replayed", delivery.replayed)
      .AddRaw("event", EventJson(delivery.event))
      .Text();
}

class Consumer {
 public:
  Consumer(const ConsumeFlags& flags, Context& context, Interrupt& interrupt)
      : flags_(flags),
        context_(context),
        interrupt_(interrupt),
        table_(context.out, context.out_terminal,
               {{.heading = "POSITION", .right = true},
                {.heading = "BUCKET", .right = true},
                {.heading = "TRY", .right = true},
                {.heading = "AGGREGATE"},
                {.heading = "VERSION", .right = true},
                {.heading = "EVENT", .max_width = 32},
                {.heading = "DATA"}}) {}

  absl::Status Run() {
    client::Hooks hooks;
    hooks.sleep = [this](std::chrono::milliseconds pause) {
      if (!std::exchange(away_, true)) Hint(context_, "the server is away; waiting for it");
      interrupt_.WaitFor(pause);
    };
    client::GroupConsumer consumer(
        MakeClient(context_, hooks),
        {.group = flags_.name, .consumer_name = flags_.consumer_name, .max_in_flight = flags_.in_flight});
    interrupt_.SetAction([&] { consumer.Leave(); });
    absl::Status status;
    while (auto delivery = consumer.Next()) {
      if (!delivery->ok()) {
        status = delivery->status();
        break;
      }
      away_ = false;
      Print(**delivery);
      // Printed first: what nobody saw comes again.
      flags_.park.empty() ? consumer.Ack(**delivery) : consumer.Park(**delivery, flags_.park);
      if (++taken_ == flags_.max) break;
    }
    interrupt_.SetAction(nullptr);
    return interrupt_.requested() ? absl::OkStatus() : status;
  }

  int taken() const { return taken_; }

 private:
  void Print(const client::GroupDelivery& delivery) {
    const v1::RecordedEvent& event = delivery.event;
    if (context_.json) {
      context_.out << DeliveryJson(delivery) << '\n' << std::flush;
      return;
    }
    table_.Row({std::to_string(event.global_position()), std::to_string(delivery.bucket),
                std::to_string(delivery.attempt) + (delivery.replayed ? " (replayed)" : ""), event.aggregate_id(),
                std::to_string(event.version()), event.event_type(), event.data()});
    table_.Flush();
  }

  const ConsumeFlags& flags_;
  Context& context_;
  Interrupt& interrupt_;
  Table table_;
  int taken_ = 0;
  bool away_ = false;
};

ExitCode RunConsume(const ConsumeFlags& flags, Context& context) {
  // Before the client, whose threads are to inherit that signals are blocked.
  Interrupt interrupt;
  const std::string doing = "consume from group " + flags.name;
  // Tells at once what a consumer would wait for.
  const auto group = MakeGroups(context).Get(flags.name, CallOptionsOf(context));
  if (!group.ok()) return ReportError(context, doing, group.status());
  if (context.err_terminal.is_terminal) Hint(context, "joined; Ctrl-C leaves the group");
  Consumer consumer(flags, context, interrupt);
  const absl::Status ended = consumer.Run();
  if (!ended.ok()) return ReportError(context, doing, ended);
  Hint(context, CountOf(consumer.taken(), "event") + (flags.park.empty() ? " acknowledged" : " parked"));
  return kOk;
}

}  // namespace

void AddGroupsConsume(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<ConsumeFlags>();
  CLI::App* command = groups.add_subcommand(
      "consume", "Join a group, print what it is given, and acknowledge it: nobody else gets it then");
  AddGroupName(*command, flags->name);
  AddNumber(*command, "--max", flags->max, 1, kMaxInt, "Leave after so many events");
  AddNumber(*command, "--in-flight", flags->in_flight, 1, 10'000, "Deliveries at once" + Default(flags->in_flight));
  AddFlag(*command, "--as", flags->consumer_name, "NAME",
          "Name in the list of members" + Default(flags->consumer_name));
  AddFlag(*command, "--park", flags->park, "REASON", "Park every event with this reason instead");
  AddFooter(*command,
            "For trying a group out. The place of the group moves: what is shown here counts as handled.\n\n"
            "Examples:\n"
            "  eventctl groups consume mailer\n"
            "  eventctl groups consume mailer --max 10 --json | jq .event.event_type");
  command->callback([flags, &context] { context.exit_code = RunConsume(*flags, context); });
}

}  // namespace eventstore::eventctl
