#include "app/branch_init.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/branch_store.h"
#include "app/branch_user.h"
#include "app/data_directory.h"
#include "app/settings.h"
#include "base/units.h"
#include "branching/storage/btrfs_image.h"
#include "branching/storage/probe.h"
#include "cli/output.h"
#include "cli/shell.h"

namespace prism::app {

namespace {

using branching::DriverProbe;

struct InitFlags {
  std::string data_dir;
  std::string path;
  std::string size = "20GiB";
  bool grow = false;  // the size was asked for
  std::string user;
};

// What there is now.
struct Report {
  BranchStore store;
  bool is_short = false;  // the disk has not what was asked for
  branching::StorageTraits traits;
  bool in_use = false;               // by a server
  std::string parent;                // the directory that it is in
  std::vector<DriverProbe> drivers;  // of that one's file system
};

Result<std::uint64_t> ReadSize(const std::string& text) {
  TRY_ASSIGN(const std::uint64_t bytes, base::ParseSize(text));
  if (bytes >= branching::BtrfsImage::kMinimumBytes) return bytes;
  return std::unexpected(
      Error(Code::kInvalidArgument, "BAD_SIZE",
            fmt::format("--size {} is too small for a file system: at least {}", text,
                        base::FormatSize(branching::BtrfsImage::kMinimumBytes))));
}

// Opens the store once, so that it is there, belongs to whom it should, and has a kind.
Result<bool> IsInUse(const BranchStore& store, const branching::VolumeOwner& owner) {
  TRY_ASSIGN(auto driver, branching::MakeDriver(store.driver, nullptr));
  const auto opened =
      branching::Storage::Open({.directory = store.path, .owner = owner}, std::move(driver));
  if (opened) return false;
  if (opened.error().reason() == "STORE_LOCKED") return true;
  return std::unexpected(opened.error());
}

// So that the user can serve there. Where root serves already all stays as it is.
Status GiveDirectories(const std::string& data_dir, branching::InstanceUser user) {
  if (::geteuid() != 0) return {};
  const Status given = GiveDataDirectory(data_dir, user, fmt::to_string(user.uid));
  return given || given.error().reason() == "DATA_DIR_OWNER" ? Status() : given;
}

// Whose the store is stays, unless somebody is named.
Result<branching::InstanceUser> ChooseOwner(const InitFlags& flags, const std::string& path) {
  std::string name = flags.user;
  if (::geteuid() == 0 && name.empty()) name = OwnerOf(path + "/volumes");
  if (::geteuid() == 0 && name.empty()) name = OwnerOf(flags.data_dir);
  return ChooseBranchUser(name);
}

Result<Report> Init(const InitFlags& flags) {
  TRY_ASSIGN(const std::uint64_t bytes, ReadSize(flags.size));
  const std::string path =
      flags.path.empty() ? fmt::format("{}/branches/store", flags.data_dir) : flags.path;
  TRY_ASSIGN(const branching::InstanceUser user, ChooseOwner(flags, path));
  const branching::VolumeOwner owner{.uid = user.uid, .gid = user.gid};
  if (flags.path.empty()) TRY(GiveDirectories(flags.data_dir, user));
  TRY_ASSIGN(BranchStore store, PrepareBranchStore(path, bytes, owner));
  bool is_short = false;
  if (flags.grow) {
    TRY_ASSIGN(const auto size, GrowBranchStore(store, bytes, owner));
    is_short = size.value_or(bytes) < bytes;
  }
  // Whoever asks for a store does not want full copies.
  if (store.driver == "copy" && store.no_image) return std::unexpected(*store.no_image);
  TRY_ASSIGN(auto driver, branching::MakeDriver(store.driver, nullptr));
  TRY_ASSIGN(const bool in_use, IsInUse(store, owner));
  std::string parent = std::filesystem::path(store.path).parent_path().string();
  return Report{.store = std::move(store),
                .is_short = is_short,
                .traits = driver->traits(),
                .in_use = in_use,
                .parent = parent,
                .drivers = branching::ProbeDrivers(parent)};
}

nlohmann::ordered_json ToJson(const Report& report) {
  nlohmann::ordered_json json = {{"path", report.store.path},
                                 {"driver", report.store.driver},
                                 {"cost", report.traits.cost},
                                 {"in_use", report.in_use}};
  if (!report.store.image.empty()) json["image"] = report.store.image;
  for (const DriverProbe& probe : report.drivers) {
    nlohmann::ordered_json driver = {{"name", probe.traits.name}, {"usable", !probe.refused}};
    if (probe.refused) driver["why_not"] = probe.refused->message();
    json["drivers"].push_back(std::move(driver));
  }
  return json;
}

std::string OnDisk(const std::string& image) {
  struct stat status = {};
  if (::stat(image.c_str(), &status) != 0) return image;
  constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks
  return fmt::format("{}, a btrfs of {} that takes {} now", image,
                     base::HumanSize(static_cast<std::uint64_t>(status.st_size)),
                     base::HumanSize(static_cast<std::uint64_t>(status.st_blocks) * kBlock));
}

void Print(const Report& report) {
  cli::WriteLine(fmt::format("store   {}{}", report.store.path,
                             report.in_use ? ", which a server is using" : ""));
  if (!report.store.image.empty()) {
    cli::WriteLine(fmt::format("image   {}{}", OnDisk(report.store.image),
                               report.is_short ? "; its disk can give no more" : ""));
  }
  cli::WriteLine(fmt::format("driver  {}: {}", report.store.driver, report.traits.cost));
  if (report.store.no_image) {
    cli::WriteLine(fmt::format("image   none: {}", report.store.no_image->message()));
  }
  cli::WriteLine("");
  cli::Table table({"DRIVER", "IN " + report.parent});
  for (const DriverProbe& probe : report.drivers) {
    table.Add({std::string(probe.traits.name),
               probe.refused ? "no: " + probe.refused->message() : "usable"});
  }
  table.Flush();
}

int RunInit(cli::Shell& shell, const InitFlags& flags) {
  const auto report = Init(flags);
  if (!report) return shell.Fail(report.error());
  if (shell.json()) {
    cli::WriteLine(ToJson(*report).dump());
  } else {
    Print(*report);
  }
  return cli::kDone;
}

}  // namespace

void AddBranchInit(CLI::App& app, cli::Shell& shell) {
  CLI::App* verb = app.get_subcommand("branch")->add_subcommand(
      "init", "Make the store of branches, or mount it after a start of the machine");
  auto flags = std::make_shared<InitFlags>();
  flags->data_dir = DefaultDataDir();
  verb->add_option("--data-dir", flags->data_dir,
                   "Of the server; the store is branches/store in it. Made when it is missing, for "
                   "the user")
      ->capture_default_str()
      ->envname("PRISM_DATA_DIR")
      ->type_name("DIR");
  verb->add_option("--path", flags->path, "The store itself, as branching.storage.path says it")
      ->type_name("DIR");
  verb->add_option_function<std::string>(
          "--size",
          [flags](const std::string& size) {
            flags->size = size;
            flags->grow = true;
          },
          "Of the file system, where one is made in a sparse file: at least 256MiB, and no more "
          "than the disk has free. One that is there and smaller grows, also while it is used")
      ->default_str(flags->size)
      ->type_name("SIZE");
  verb->add_option("--user", flags->user,
                   "Whom it belongs to: who `prism serve` is, or, when root starts it, becomes "
                   "(server.user, branching.user; default: whom it or --data-dir belongs to, else "
                   "postgres, else nobody)")
      ->type_name("USER");
  verb->footer(
      "On btrfs or XFS, and for root on ZFS, the store is a directory. Elsewhere it is a btrfs in "
      "a\n"
      "sparse file, which only root can make and mount; where that can't be had either, overlays.\n"
      "Running it again mounts and, with --size, makes larger what is there; else it changes\n"
      "nothing, and says what there is. No server is asked.\n\n"
      "Examples:\n"
      "  sudo prism branch init --user prism\n"
      "  sudo prism branch init --user prism --size 100GiB\n"
      "  prism branch init --path /srv/branches -o json");
  shell.On(*verb, [&shell, flags] { return RunInit(shell, *flags); });
}

}  // namespace prism::app
