// prism kv scan, count.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>

#include "cli/kv.h"
#include "cli/kv_common.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

struct ScanArguments {
  std::string ns;
  std::string prefix;
  std::int64_t limit = 0;
  bool keys_only = false;
  std::string page_token;
};

// Prints entries as they come. The table is flushed every so many rows, so that a long scan shows
// something and memory stays bounded.
class ScanPrinter {
 public:
  ScanPrinter(const Shell& shell, bool keys_only)
      : shell_(shell),
        keys_only_(keys_only),
        table_(keys_only ? std::vector<std::string>{"KEY", "VERSION", "EXPIRES"}
                         : std::vector<std::string>{"KEY", "VALUE", "EXPIRES", "TAGS"}) {}

  void Print(const kvpb::Entry& entry) {
    if (shell_.json()) {
      WriteLine(DumpJson(EntryToJson(entry, keys_only_)));
      return;
    }
    const std::string expiry = entry.has_expire_time() ? ExpiryText(entry.expire_time()) : "-";
    if (keys_only_) {
      table_.Add({Printable(entry.key()), Printable(entry.version()), expiry});
    } else {
      constexpr std::size_t kValueColumns = 60;
      const std::string value =
          IsTerminal(stdout) ? Shortened(entry.value(), kValueColumns) : Printable(entry.value());
      table_.Add({Printable(entry.key()), value, expiry,
                  entry.tags().empty() ? "-" : TagsText(entry.tags())});
    }
    constexpr std::size_t kRowsAtOnce = 500;
    if (table_.pending() >= kRowsAtOnce) table_.Flush();
  }

  // `page_token`: where another scan goes on; empty at the end.
  void Finish(const std::string& page_token) {
    if (shell_.json()) {
      if (!page_token.empty()) WriteLine(DumpJson({{"page_token", page_token}}));
      return;
    }
    table_.Flush();
    if (page_token.empty()) return;
    std::fflush(stdout);
    std::fputs(("more: --page-token " + Printable(page_token) + "\n").c_str(), stderr);
  }

 private:
  const Shell& shell_;
  bool keys_only_;
  Table table_;
};

int RunScan(Shell& shell, const ScanArguments& arguments) {
  kvpb::ScanRequest request;
  request.set_namespace_(arguments.ns);
  request.set_prefix(arguments.prefix);
  request.set_limit(arguments.limit);
  request.set_keys_only(arguments.keys_only);
  request.set_page_token(arguments.page_token);
  Result<rpc::ClientStream> stream = shell.Stream(KvPath("KeyValueScan/Scan"), request);
  if (!stream) return shell.Fail(stream.error());

  ScanPrinter printer(shell, arguments.keys_only);
  std::string page_token;
  kvpb::ScanResponse response;
  Result<bool> more = stream->Read(response);
  for (; more && *more; more = stream->Read(response)) {
    if (response.has_entry()) printer.Print(response.entry());
    if (response.has_checkpoint()) page_token = response.checkpoint().page_token();
  }
  // What has come is shown before the error, with where to go on.
  if (more || !page_token.empty()) printer.Finish(page_token);
  return more ? kDone : shell.Fail(more.error());
}

struct CountArguments {
  std::string ns;
  std::string prefix;
};

int RunCount(Shell& shell, const CountArguments& arguments) {
  kvpb::CountRequest request;
  request.set_namespace_(arguments.ns);
  request.set_prefix(arguments.prefix);
  kvpb::CountResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueScan/Count"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (shell.json()) {
    WriteLine(DumpJson({{"count", response.count()}}));
  } else {
    WriteLine(std::to_string(response.count()));
  }
  return kDone;
}

}  // namespace

void AddKvScan(CLI::App& kv, Shell& shell) {
  CLI::App* scan = kv.add_subcommand("scan", "List keys by prefix, in byte order");
  auto arguments = std::make_shared<ScanArguments>();
  AddNamespace(*scan, arguments->ns);
  scan->add_option("PREFIX", arguments->prefix, "What the keys begin with; default: all keys");
  scan->add_option("--limit", arguments->limit, "At most this many; 0: no limit")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return text.starts_with('-') ? std::string("it must be 0 (no limit) or more")
                                     : std::string();
      });
  scan->add_flag("--keys-only", arguments->keys_only, "Leave out values and tags");
  scan->add_option("--page-token", arguments->page_token,
                   "Go on where a scan of the same prefix stopped");
  scan->footer(
      "Examples:\n"
      "  prism kv scan default user: --limit 20\n"
      "  prism kv scan default user: -o json | jq -r '.value | @base64d'\n\n"
      "With -o json each line is an entry with its value in base64; a last line {\"page_token\": "
      "...} says where to go\n"
      "on when --limit cut the list.");
  shell.On(*scan, [&shell, arguments] { return RunScan(shell, *arguments); });

  CLI::App* count = kv.add_subcommand("count", "Count the keys under a prefix");
  auto counted = std::make_shared<CountArguments>();
  AddNamespace(*count, counted->ns);
  count->add_option("PREFIX", counted->prefix, "What the keys begin with; default: all keys");
  count->footer("Example:\n  prism kv count default user:");
  shell.On(*count, [&shell, counted] { return RunCount(shell, *counted); });
}

}  // namespace prism::cli
