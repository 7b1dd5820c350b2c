#include "branching/privileged/helped_driver.h"

#include <fmt/format.h>

#include <utility>

#include "branching/storage/probe.h"

namespace prism::branching {
namespace {

using privileged::Request;

// What is the same for all: a driver of our own, which knows what it can do, and a helper.
class HelpedDriver : public StorageDriver {
 public:
  HelpedDriver(std::unique_ptr<StorageDriver> own, const HelperClient& helper, std::string volumes)
      : own_(std::move(own)), helper_(helper), volumes_(std::move(volumes) + "/") {}

  const StorageTraits& traits() const override { return own_->traits(); }
  std::string FilesOf(const std::string& volume) const override { return own_->FilesOf(volume); }

  Status Destroy(const std::string& volume) override {
    Request request;
    TRY_ASSIGN(*request.mutable_destroy()->mutable_name(), NameOf(volume));
    return Ask(request);
  }

 protected:
  StorageDriver& own() { return *own_; }

  Result<std::string> NameOf(const std::string& volume) const {
    if (volume.starts_with(volumes_)) return volume.substr(volumes_.size());
    return std::unexpected(Error(Code::kInternal, "VOLUME_NOT_FOUND",
                                 fmt::format("{} is no volume of {}", volume, volumes_)));
  }
  Status Ask(const Request& request, const TransferWatch& watch = {}) const {
    TRY(helper_.Ask(request, {}, watch));
    return {};
  }
  Result<VolumeUsage> AskUsage(const Request& request) const {
    TRY_ASSIGN(const HelperClient::Reply reply, helper_.Ask(request));
    return VolumeUsage{.own_bytes = reply.answer.usage().own_bytes(),
                       .shared_bytes = reply.answer.usage().shared_bytes()};
  }

 private:
  const std::unique_ptr<StorageDriver> own_;
  const HelperClient& helper_;
  const std::string volumes_;
};

// Subvolumes are their owner's to make and to clone, but not to remove at once.
class HelpedRemoval final : public HelpedDriver {
 public:
  using HelpedDriver::HelpedDriver;

  Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                const TransferWatch& watch) override {
    return own().Import(from, to, owner, watch);
  }
  Status Clone(const std::string& from, const std::string& to,
               const TransferWatch& watch) override {
    return own().Clone(from, to, watch);
  }
  Status Freeze(const std::string& volume) override { return own().Freeze(volume); }
  Result<VolumeUsage> Measure(const std::string& volume) override { return own().Measure(volume); }
};

// Whatever makes a volume mounts it.
class HelpedMounts final : public HelpedDriver {
 public:
  using HelpedDriver::HelpedDriver;

  // All files are the helper's user's, who is the store's owner.
  Status Import(const std::string& from, const std::string& to, const VolumeOwner& /*owner*/,
                const TransferWatch& watch) override {
    Request request;
    request.mutable_import_tree()->set_from(from);
    TRY_ASSIGN(*request.mutable_import_tree()->mutable_to(), NameOf(to));
    return Ask(request, watch);
  }
  Status Mount(const std::string& volume) override {
    Request request;
    TRY_ASSIGN(*request.mutable_mount()->mutable_name(), NameOf(volume));
    return Ask(request);
  }
  Status Clone(const std::string& from, const std::string& to,
               const TransferWatch& watch) override {
    Request request;
    TRY_ASSIGN(*request.mutable_clone()->mutable_from(), NameOf(from));
    TRY_ASSIGN(*request.mutable_clone()->mutable_to(), NameOf(to));
    return Ask(request, watch);
  }
  Status Freeze(const std::string& volume) override {
    Request request;
    TRY_ASSIGN(*request.mutable_freeze()->mutable_name(), NameOf(volume));
    return Ask(request);
  }
  Result<VolumeUsage> Measure(const std::string& volume) override {
    Request request;
    TRY_ASSIGN(*request.mutable_measure()->mutable_name(), NameOf(volume));
    return AskUsage(request);
  }
};

}  // namespace

Result<std::unique_ptr<StorageDriver>> MakeHelpedDriver(std::string_view name,
                                                        const HelperClient& helper,
                                                        std::string volumes,
                                                        runtime::BlockingPool* helpers) {
  TRY_ASSIGN(std::unique_ptr<StorageDriver> own, MakeDriver(name, helpers));
  if (name == "btrfs") {
    return std::make_unique<HelpedRemoval>(std::move(own), helper, std::move(volumes));
  }
  if (name == "overlay" || name == "zfs") {
    return std::make_unique<HelpedMounts>(std::move(own), helper, std::move(volumes));
  }
  return own;
}

}  // namespace prism::branching
