// What /proc says about the processes of an instance.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "branching/instances/runtime.h"

namespace prism::branching {

// Nothing when there is no such process, or only its zombie.
std::optional<std::uint64_t> ProcessStartTime(pid_t pid);

// A pidfd; empty when it is not that process any more.
base::UniqueFd OpenProcess(const InstanceIdentity& process);

// It was stopped by a signal, or has gone.
bool StandsStill(const InstanceIdentity& process);

// The process and all below it that live, itself first.
std::vector<InstanceIdentity> ProcessTree(pid_t root);

// Whether this descriptor of the process is that file. A wall does not hide it.
bool HasOpen(pid_t pid, int fd, const std::string& path);

InstanceUsage TreeUsage(pid_t root);

// The System V segments of the process, which outlive it when it is killed; none when it has a
// namespace of its own, with which they go.
std::vector<int> SharedSegments(pid_t pid);
// What is gone already is fine.
void RemoveSegments(const std::vector<int>& segments);

// Ends these processes, and waits until they have ended: false when `patience` (nanoseconds) is
// over before. Blocks.
bool KillProcesses(const std::vector<InstanceIdentity>& processes, MonoNanos patience);

}  // namespace prism::branching
