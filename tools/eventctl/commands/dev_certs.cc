// eventctl dev-certs: certificates for a try of TLS.
#include <fmt/format.h>

#include <memory>

#include "tools/eventctl/certificates/dev_certificates.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

ExitCode RunDevCerts(const DevCertificates& wanted, Context& context) {
  if (absl::Status made = MakeDevCertificates(wanted); !made.ok()) {
    if (absl::IsAlreadyExists(made)) return ReportUsage(context, std::string(made.message()));
    return ReportError(context, "make certificates", made);
  }
  const std::string in = wanted.folder + "/";
  if (context.json) {
    context.out << JsonObject()
                       .Add("ca", in + "ca.crt")
                       .Add("server_certificate", in + "server.crt")
                       .Add("server_key", in + "server.key")
                       .Add("client_certificate", in + "client.crt")
                       .Add("client_key", in + "client.key")
                       .Add("days", wanted.days)
                       .Text()
                << '\n';
    return kOk;
  }
  context.out << fmt::format(
      "For {} days, of an authority whose key is gone: for a try, not for production.\n\n"
      "  eventstored --tls-cert {}server.crt --tls-key {}server.key\n"
      "  eventctl --tls-ca {}ca.crt count\n\n"
      "With clients that prove who they are:\n\n"
      "  eventstored --tls-cert {}server.crt --tls-key {}server.key --tls-client-ca {}ca.crt\n"
      "  eventctl --tls-ca {}ca.crt --tls-cert {}client.crt --tls-key {}client.key count\n",
      wanted.days, in, in, in, in, in, in, in, in, in);
  return kOk;
}

}  // namespace

void AddDevCerts(CLI::App& app, Context& context) {
  auto wanted = std::make_shared<DevCertificates>();
  CLI::App* command =
      app.add_subcommand("dev-certs", "Certificates for a try of TLS: an authority, a server, a client");
  command->add_option("DIR", wanted->folder, "Where to; made when it is missing")->required();
  command
      ->add_option("--host", wanted->hosts, "Names and addresses of the server (default localhost, 127.0.0.1 and ::1)")
      ->option_text("NAME");
  AddFlag(*command, "--client", wanted->client, "NAME", "The client's name" + Default(wanted->client));
  AddNumber(*command, "--days", wanted->days, 1, 825, "How long they are good for" + Default(wanted->days));
  command->add_flag("--replace", wanted->replace, "Also where there are some; servers that run take the new ones");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl dev-certs certs\n"
            "  eventctl dev-certs certs --host events.test --host 10.0.0.7 --days 7");
  command->callback([wanted, &context] { context.exit_code = RunDevCerts(*wanted, context); });
}

}  // namespace eventstore::eventctl
