#include "cli/bench/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace prism::cli {
namespace {

double Micros(std::uint64_t nanos) { return static_cast<double>(nanos) / 1000; }

double MicrosPerRequest(double cpu_seconds, const LoadReport& report) {
  const std::uint64_t answered = report.done + report.shed;
  return answered == 0 ? 0 : cpu_seconds * 1e6 / static_cast<double>(answered);
}

std::string LoadShape(const LoadOptions& o) {
  const std::string loop = o.rate > 0 ? fmt::format("open loop {:.0f}/s", o.rate) : "closed loop";
  return fmt::format("{} connections x {} streams, {} threads, {}", o.connections, o.streams,
                     o.threads, loop);
}

}  // namespace

std::string FormatReport(const LoadOptions& options, const LoadReport& report) {
  const Histogram& h = report.latency;
  std::string text = fmt::format("{}\n", LoadShape(options));
  text += fmt::format("  done      {} in {:.1f} s, {:.0f}/s ({} decoded and compared)\n",
                      report.done, report.seconds, report.RatePerSecond(), report.checked);
  if (options.follow) {
    text += fmt::format("  moved     {} connections, {} requests sent again\n", report.reconnects,
                        report.refused);
  }
  if (options.count_shed)
    text += fmt::format("  shed      {} ({:.0f}/s)\n", report.shed,
                        static_cast<double>(report.shed) / report.seconds);
  text += fmt::format("  latency   p50 {:.0f} us, p99 {:.0f} us, p99.9 {:.0f} us, max {:.0f} us\n",
                      Micros(h.Quantile(0.5)), Micros(h.Quantile(0.99)), Micros(h.Quantile(0.999)),
                      Micros(h.max()));
  if (report.server) {
    text +=
        fmt::format("  server    {:.2f} us CPU a request, RSS {:.1f} MB (anonymous {:.1f} MB)\n",
                    MicrosPerRequest(report.server->cpu_seconds, report),
                    static_cast<double>(report.server->rss_bytes) / 1e6,
                    static_cast<double>(report.server->anon_bytes) / 1e6);
  }
  text += fmt::format("  client    {:.2f} us CPU a request\n",
                      MicrosPerRequest(report.client_cpu_seconds, report));
  return text;
}

std::string FormatReportJson(const LoadOptions& options, const LoadReport& report) {
  const Histogram& h = report.latency;
  nlohmann::ordered_json json = {
      {"connections", options.connections},
      {"streams", options.streams},
      {"threads", options.threads},
      {"rate_wanted", options.rate},
      {"done", report.done},
      {"checked", report.checked},
      {"shed", report.shed},
      {"reconnects", report.reconnects},
      {"refused", report.refused},
      {"seconds", report.seconds},
      {"rate", report.RatePerSecond()},
      {"p50_us", Micros(h.Quantile(0.5))},
      {"p99_us", Micros(h.Quantile(0.99))},
      {"p999_us", Micros(h.Quantile(0.999))},
      {"max_us", Micros(h.max())},
      {"client_cpu_us", MicrosPerRequest(report.client_cpu_seconds, report)},
  };
  if (report.server) {
    json["server_cpu_us"] = MicrosPerRequest(report.server->cpu_seconds, report);
    json["server_rss_bytes"] = report.server->rss_bytes;
    json["server_anon_bytes"] = report.server->anon_bytes;
  }
  return json.dump();
}

}  // namespace prism::cli
