#include "app/doctor.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/branch_runtime.h"
#include "app/branch_source.h"
#include "app/branch_store.h"
#include "app/branch_user.h"
#include "app/branch_workshop.h"
#include "app/doctor_checks.h"
#include "app/doctor_source.h"
#include "app/launch.h"
#include "app/unprivileged.h"
#include "base/clock.h"
#include "branching/branches/journal.h"
#include "branching/doctor/comparison.h"
#include "branching/doctor/mending.h"
#include "branching/doctor/recorded_logins.h"
#include "branching/storage/probe.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "runtime/shard.h"
#include "runtime/sync_wait.h"
#include "sqlite/backup.h"
#include "telemetry/log.h"

namespace prism::app {

namespace {

using branching::Finding;
using branching::Health;

struct DoctorFlags {
  LaunchFlags launch;
  bool repair = false;
};

std::string_view HealthName(Health health) {
  switch (health) {
    case Health::kFine:
      return "fine";
    case Health::kNote:
      return "note";
    case Health::kUnwell:
      return "unwell";
  }
  return "unwell";
}

// What a running server is doing may change what is looked at meanwhile.
constexpr int kLooks = 20;

// One examination. Thread rule: one thread.
class Doctor {
 public:
  Doctor(const ServerSettings& settings, const BranchingSettings& branching,
         branching::InstanceUser user)
      : settings_(settings),
        branching_(branching),
        user_(user),
        directory_(settings.data_dir + "/branches"),
        shards_(1) {}

  Status Start() { return shards_.Start(); }
  ~Doctor() { shards_.Stop(); }
  Doctor(const Doctor&) = delete;
  Doctor& operator=(const Doctor&) = delete;

  std::vector<Finding> Examine() {
    std::vector<Finding> findings;
    const auto take = [&findings](std::vector<Finding> more) {
      findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    };
    if (branching_.docker) {
      // Which server the image has is not looked at: that would start a container.
      take({CheckDocker(branching_), CheckSource(branching_.source, nullptr)});
      take(CheckAddedSources(nullptr));
    } else {
      const auto servers = FindPostgres(branching_, shards_.at(0));
      const auto* found = servers ? &*servers : nullptr;
      take({CheckPostgres(servers), CheckSource(branching_.source, found)});
      take(CheckAddedSources(found));
      take({CheckUser(settings_, user_)});
      take(CheckWalls(user_));
      take(CheckLimits(settings_, user_));
    }
    take(CheckSortOrders());
    take(CheckStoreDirectory(branching_, user_));
    auto records = CheckRecords();
    take(records ? *std::move(records) : std::vector{Unwell("journal", records.error())});
    return findings;
  }

  // What can be put right without the source.
  Status Repair() {
    telemetry::Logger log(telemetry::LogLevel::kError, settings_.log_format);
    SystemClock clock;
    TRY_ASSIGN(const auto workshop, BranchWorkshop::Open({.settings = branching_,
                                                          .directory = directory_,
                                                          .shard = shards_.at(0),
                                                          .clock = clock,
                                                          .log = log}));
    return runtime::RunOn(shards_.at(0), [&] { return branching::Mend(&**workshop); });
  }

  // Whether there is anything that could be repaired.
  bool HasJournal() const { return std::filesystem::exists(BranchJournalFile(directory_)); }

 private:
  // What the journal can't say is said of the journal.
  template <class T>
  std::vector<T> ReadJournal(Result<std::vector<T>> (*read)(sqlite::Connection&)) const {
    if (!HasJournal()) return {};
    const auto journal = sqlite::Connection::Open(
        {.path = BranchJournalFile(directory_), .access = sqlite::Access::kReader});
    if (!journal) return {};
    return read(**journal).value_or(std::vector<T>());
  }

  std::vector<Finding> CheckSortOrders() const {
    return CheckCollations(ReadJournal(&branching::ReadRecordedCollationChanges));
  }

  std::vector<Finding> CheckAddedSources(const branching::PostgresServers* servers) const {
    std::vector<Finding> findings;
    for (const branching::AddedSource& added : ReadJournal(&branching::ReadSources)) {
      findings.push_back(CheckSource(ConfigOf(added), servers));
      findings.back().about = "source " + added.name;
    }
    return findings;
  }

  Result<std::vector<Finding>> CheckRecords() {
    if (!HasJournal()) {
      return std::vector<Finding>{
          {.health = Health::kNote, .about = "journal", .says = "there are no branches yet"}};
    }
    TRY_ASSIGN(const auto journal, sqlite::Connection::Open({.path = BranchJournalFile(directory_),
                                                             .access = sqlite::Access::kReader}));
    TRY(sqlite::CheckIntegrity(*journal));
    for (int i = 0; i < kLooks; ++i) {
      TRY_ASSIGN(const bool in_use, branching::Storage::IsLocked(branching_.storage_path));
      TRY_ASSIGN(const auto before, branching::ReadRecordedVolumes(*journal));
      TRY_ASSIGN(const branching::WhatIsThere there,
                 branching::LookAround(branching_.storage_path, BranchRunDirectory(directory_)));
      TRY_ASSIGN(const auto after, branching::ReadRecordedVolumes(*journal));
      if (before != after) continue;  // a server works with them
      std::vector<Finding> findings = branching::Compare(after, there, in_use);
      findings.insert(findings.begin(), Summary(after, in_use));
      TRY_ASSIGN(const auto logins, branching::CheckRecordedLogins(*journal));
      findings.insert(findings.begin() + 1, logins.begin(), logins.end());
      return findings;
    }
    return std::unexpected(
        Error(Code::kUnavailable, "BRANCHES_CHANGE",
              "branches are made and removed all the time, so that what there is can't be compared "
              "with what the journal says: try again"));
  }

  Finding Summary(const std::vector<branching::RecordedVolume>& recorded, bool in_use) const {
    using Kind = branching::VolumeKind;
    const auto tell = [&recorded](Kind kind, std::string_view one, std::string_view more,
                                  bool deleted = false) {
      const auto count = std::ranges::count_if(recorded, [&](const auto& volume) {
        return volume.kind == kind && volume.deleted == deleted;
      });
      return fmt::format("{} {}", count, count == 1 ? one : more);
    };
    return {.about = "journal",
            .says = fmt::format("{}, {}, {}, {}, {}{}", tell(Kind::kBranch, "branch", "branches"),
                                tell(Kind::kBranch, "deleted one", "deleted ones", true),
                                tell(Kind::kSnapshot, "snapshot", "snapshots"),
                                tell(Kind::kGeneration, "generation", "generations"),
                                tell(Kind::kSpare, "spare", "spares"),
                                in_use ? "; a server works with them" : "")};
  }

  const ServerSettings& settings_;
  const BranchingSettings& branching_;
  const branching::InstanceUser user_;
  const std::string directory_;
  runtime::ShardPool shards_;
};

bool IsWell(const std::vector<Finding>& findings) {
  return std::ranges::none_of(findings,
                              [](const Finding& each) { return each.health == Health::kUnwell; });
}

void Print(const cli::Shell& shell, const std::vector<Finding>& findings) {
  if (shell.json()) {
    nlohmann::ordered_json json = {{"well", IsWell(findings)}};
    json["findings"] = nlohmann::ordered_json::array();
    for (const Finding& each : findings) {
      nlohmann::ordered_json finding = {
          {"health", HealthName(each.health)}, {"about", each.about}, {"says", each.says}};
      if (!each.advice.empty()) finding["advice"] = each.advice;
      if (each.mendable) finding["mendable"] = true;
      json["findings"].push_back(std::move(finding));
    }
    cli::WriteLine(cli::DumpJson(json));
    return;
  }
  cli::Table table({"ABOUT", "HEALTH", "WHAT"});
  for (const Finding& each : findings) {
    const std::string text = each.advice.empty() ? each.says : each.says + ": " + each.advice;
    table.Add(
        {cli::Printable(each.about), std::string(HealthName(each.health)), cli::Printable(text)});
  }
  table.Flush();
}

Result<std::vector<Finding>> Run(const DoctorFlags& flags) {
  const auto source = ChooseSource(flags.launch);
  TRY_ASSIGN(const auto snapshot, source->Load());
  TRY_ASSIGN(const ServerSettings settings, ReadAll(flags.launch, *snapshot));
  if (!settings.branching) {
    return std::vector<Finding>{
        {.health = Health::kNote,
         .about = "branches",
         .says = "no source is named, so there are none",
         .advice = "name a data directory of PostgreSQL (--branch-source, branching.source)"}};
  }
  BranchingSettings branching = *settings.branching;
  if (NeedsHelper(settings)) {
    TRY_ASSIGN(const branching::InstanceUser serving, ChooseServingUser(settings));
    branching.user = fmt::to_string(serving.uid);
  }
  TRY_ASSIGN(const branching::InstanceUser user, ChooseBranchUser(branching.user));
  Doctor doctor(settings, branching, user);
  TRY(doctor.Start());
  if (flags.repair && doctor.HasJournal()) TRY(doctor.Repair());
  return doctor.Examine();
}

int RunDoctor(const cli::Shell& shell, const DoctorFlags& flags) {
  const auto findings = Run(flags);
  if (!findings) return shell.Fail(findings.error());
  Print(shell, *findings);
  return IsWell(*findings) ? cli::kDone : cli::kFailed;
}

}  // namespace

void AddDoctor(CLI::App& app, cli::Shell& shell) {
  CLI::App* verb = app.add_subcommand("doctor", "Look whether branches are well");
  auto flags = std::make_shared<DoctorFlags>();
  AddLaunchFlags(*verb, flags->launch, {"data-dir", "branch-"});
  verb->add_flag("--repair", flags->repair,
                 "Put right what killed processes and power cuts have left, as the next start "
                 "would; no server may run");
  verb->footer(
      "Looks at this machine, at the source, at the store, and whether what the journal says is\n"
      "what there is. Reads beside a running server too. What the journal does not name is never\n"
      "removed from the store. Exit code 0: nothing is unwell, 1: something is.\n\n"
      "Examples:\n"
      "  prism doctor --config prism.yaml\n"
      "  prism doctor --branch-source /srv/master --repair -o json");
  shell.On(*verb, [&shell, flags] { return RunDoctor(shell, *flags); });
}

}  // namespace prism::app
