#include "app/serve.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/check.h"
#include "app/raise_limits.h"
#include "app/ready_file.h"
#include "app/server.h"
#include "app/signals.h"
#include "app/watchdog.h"
#include "base/version.h"
#include "cli/shell.h"

namespace prism::app {

namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kBadUsage = 2;
constexpr std::chrono::milliseconds kTick{1000};
// Between looks at what a predecessor still has.
constexpr std::chrono::milliseconds kLook{20};
// What the server needs beside clients: its event loops, files of namespaces, the admin port.
constexpr std::uint64_t kOtherFds = 100;

int Fail(const Error& error, int exit_code = kFailed) {
  fmt::print(stderr, "{}\n", cli::DescribeError(error));
  return exit_code;
}

// Says what the configuration amounts to, and what of it this program can't serve.
int Check(const namespaces::SnapshotSource& source,
          const std::shared_ptr<const namespaces::Snapshot>& snapshot,
          const ServerSettings& settings) {
  if (settings.tls) {
    const auto tls = rpc::TlsContext::Load(*settings.tls);
    if (!tls) return Fail(tls.error());
    for (const std::string& warning : (*tls)->warnings()) fmt::print("warning: {}\n", warning);
  }
  const auto not_served = CheckServable(settings, snapshot);
  if (!not_served) return Fail(not_served.error());
  for (const std::string& what : *not_served) fmt::print("warning: {}\n", what);
  fmt::print("{}: fine: {} namespaces on {} backends\n", source.Describe(),
             snapshot->namespaces.size(), snapshot->backends.size());
  return kDone;
}

// Until the second request to stop, or until the first one has been fulfilled.
int Run(Server& server, ControlEvents& events) {
  Watchdog watchdog(server.shards());
  const auto beat = watchdog.interval();
  const auto tick = beat.count() > 0 ? std::min(kTick, beat) : kTick;
  bool draining = false;
  for (;;) {
    switch (events.Wait(tick)) {
      case ControlEvent::kTerminate:
        if (draining) return kDone;
        draining = true;
        server.Drain([&events] { events.Wake(); });
        break;
      case ControlEvent::kReload:
        server.Reload();
        break;
      case ControlEvent::kWake:
        if (draining && server.drained()) return kDone;
        break;
      case ControlEvent::kTick:
        server.Tidy();
        watchdog.Tick();
        break;
    }
  }
}

}  // namespace

void AddServeFlags(CLI::App& serve, ServeFlags& flags) {
  AddLaunchFlags(serve, flags.launch);
  serve
      .add_option("--ready-file", flags.ready_file,
                  "Written with the addresses when everything listens [PRISM_READY_FILE]")
      ->type_name("FILE");
  serve.add_flag("--check", flags.check, "Check the configuration and exit");
}

int Serve(const ServeFlags& flags) {
  // Before the first thread, so that all of them leave the signals to this one.
  auto events = ControlEvents::Make();
  if (!events) return Fail(events.error());

  const auto source = ChooseSource(flags.launch);
  auto snapshot = source->Load();
  if (!snapshot) return Fail(snapshot.error());
  auto settings = ReadAll(flags.launch, **snapshot);
  if (!settings) {
    return Fail(settings.error(), settings.error().reason() == "BAD_OPTION" ? kBadUsage : kFailed);
  }
  if (flags.check) return Check(*source, *snapshot, *settings);

  telemetry::Logger log(settings->log_level, settings->log_format);
  const std::uint64_t max_fds = RaiseFileLimit();
  log.Info("starting", {{"version", prism::Version()},
                        {"config", source->Describe()},
                        {"data_dir", settings->data_dir},
                        {"shards", settings->shards},
                        {"max_fds", max_fds}});
  if (max_fds < settings->limits.max_connections + kOtherFds) {
    log.Warn(
        "fewer file descriptors than connections: raise the limit (ulimit -Hn, LimitNOFILE=) "
        "or lower server.limits.max_connections",
        {{"max_fds", max_fds}, {"max_connections", settings->limits.max_connections}});
  }
  const auto decide = [&flags](const namespaces::Snapshot& now) {
    return ReadAll(flags.launch, now);
  };
  Server server(*settings, decide, *source, log);
  bool told_to_stop = false;
  auto addresses = server.Start(**snapshot, [&] {
    told_to_stop = events->Wait(kLook) == ControlEvent::kTerminate;
    return !told_to_stop;
  });
  if (told_to_stop) return kDone;
  if (!addresses) return Fail(addresses.error());
  if (const auto token = server.TakeFirstToken()) {
    fmt::print(stderr,
               "The first administrator's token. It is shown this once: keep it where others can't "
               "read it, and set PRISM_TOKEN to it.\n{}\n",
               *token);
  }
  const auto ready_file = flags.ready_file ? flags.ready_file : FromEnvironment("PRISM_READY_FILE");
  if (ready_file) {
    if (auto written = WriteReadyFile(*ready_file, *addresses); !written) {
      return Fail(written.error());
    }
  }
  return Run(server, *events);
}

}  // namespace prism::app
