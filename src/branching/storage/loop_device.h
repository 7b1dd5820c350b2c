// Files as block devices (loop(4)).
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching::internal {

struct LoopDevice {
  std::string path;   // /dev/loop3
  base::UniqueFd fd;  // the device goes with the last descriptor and mount of it
};

// Makes a device of the file, without a second cache in memory where its file system can do that.
// The kernel detaches it when nobody has it open or mounted, so a killed process leaves none.
// RESOURCE_EXHAUSTED/STORE_NO_LOOP_DEVICE, PERMISSION_DENIED/STORE_DENIED.
Result<LoopDevice> AttachLoop(const std::string& file);

// The path of the device that has this file behind it already, whoever attached it. It may be going
// away. Needs no rights.
Result<std::optional<std::string>> FindLoop(const struct stat& file);

// The file has grown: so does the device. Needs root. Answers 0 or errno.
int TakeFileSize(const LoopDevice& device);

// The device of the file: the one that is there, as a second one would spoil a file system in it,
// else a new one. UNAVAILABLE/STORE_LOOP_DEVICE_BUSY when it neither goes nor stays.
Result<LoopDevice> FindOrAttachLoop(const std::string& file);

}  // namespace prism::branching::internal
