#include "cli/status_slow.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>

#include "cli/output.h"
#include "rpc/client/client_http.h"

namespace prism::cli {
namespace {

using nlohmann::ordered_json;

Error NoSuchPage(const std::string& address, int status) {
  return Error(Code::kUnimplemented, "SLOW_LOG_UNAVAILABLE",
               fmt::format("{} answers /slow with {} and nothing that is a slow-request log: is it "
                           "the admin port of a server of this version?",
                           address, status));
}

std::string Text(const ordered_json& entry, const char* name) {
  const auto it = entry.find(name);
  if (it == entry.end()) return "-";
  if (!it->is_string()) return it->dump();
  const auto& text = it->get_ref<const std::string&>();
  return text.empty() ? "-" : Printable(text);
}

std::string Milliseconds(const ordered_json& entry) {
  const auto it = entry.find("duration_ms");
  return it == entry.end() || !it->is_number() ? "-" : fmt::format("{:.1f}", it->get<double>());
}

void PrintTable(const ordered_json& page) {
  const ordered_json& requests = page["requests"];
  const std::string threshold = Text(page, "threshold");
  if (requests.empty()) {
    WriteLine(threshold == "0s" ? "the slow-request log is off (slow_request_threshold is 0)"
                                : fmt::format("no request took {} or longer since the server's "
                                              "start, or since it was told so",
                                              threshold));
    return;
  }
  Table table({"TIME", "MS", "METHOD", "NAMESPACE", "CODE", "PROTOCOL", "IN", "OUT", "PEER",
               "REQUEST ID", "TRACE ID"});
  for (const ordered_json& entry : requests) {
    if (!entry.is_object()) continue;
    const std::string reason = Text(entry, "reason");
    table.Add({Text(entry, "time"), Milliseconds(entry), Text(entry, "method"),
               Text(entry, "namespace"),
               reason == "-" ? Text(entry, "code") : Text(entry, "code") + "/" + reason,
               Text(entry, "protocol"), Text(entry, "bytes_in"), Text(entry, "bytes_out"),
               Text(entry, "peer"), Text(entry, "request_id"), Text(entry, "trace_id")});
  }
  table.Flush();
  WriteLine(fmt::format("\n{} of {} that took {} or longer", requests.size(), Text(page, "total"),
                        threshold));
}

}  // namespace

int RunSlowStatus(Shell& shell) {
  const std::string& address = shell.options.admin_server;
  const auto reply = rpc::HttpGet(shell.Target(address), "/slow", shell.call_timeout());
  if (!reply) return shell.Fail(reply.error());
  const ordered_json page = ordered_json::parse(reply->body, nullptr, false);
  if (reply->status != 200 || !page.is_object() || !page.contains("requests") ||
      !page["requests"].is_array()) {
    return shell.Fail(NoSuchPage(address, reply->status));
  }
  if (shell.json()) {
    WriteLine(DumpJson(page));
  } else {
    PrintTable(page);
  }
  return kDone;
}

}  // namespace prism::cli
