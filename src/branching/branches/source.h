// What branches are made of in the end: one interface for every kind of source.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "branching/instances/postgres_binaries.h"
#include "branching/storage/driver.h"
#include "runtime/task.h"

namespace prism::branching {

// What a source has now.
struct SourceState {
  // Equal marks are equal data. Begins with the source's name and a space.
  std::string mark;
  PostgresBinaries binaries;  // that can run it
  std::uint32_t max_prepared_transactions = 0;
};

// A server of the source that people may be in.
class SourceServer {
 public:
  // The unix socket of the server, which runs from then on.
  virtual runtime::Task<Result<std::string>> SocketPath() = 0;
  // The file of what it prints; it may not be there. Fails when nothing could have been printed.
  virtual Result<std::string> LogPath() const = 0;

 protected:
  ~SourceServer() = default;
};

// A generation of it is made by Look, Fill, a start of the server, Load, and a clean stop.
//
// Thread rule: all but Moment on the home shard, by one caller at a time. What `stop` ends early is
// CANCELLED/TRANSFER_CANCELLED; it outlives the task.
class Source {
 public:
  virtual ~Source() = default;

  // For people, and what marks begin with: its path, with its kind in front unless it is a
  // template.
  virtual const std::string& name() const = 0;

  // Changes whenever the source may have: a cheap look, since it is taken often. Nothing when it
  // can't be seen. Blocks: not on a shard.
  virtual std::optional<std::string> Moment() const = 0;

  virtual runtime::Task<Result<SourceState>> Look() = 0;

  // Makes the volume: a data directory of that state that a server can be started on. A part of one
  // may stay after an error. ABORTED/SOURCE_CHANGED when it was changed meanwhile.
  virtual runtime::Task<Status> Fill(const SourceState& state, std::string volume,
                                     const std::atomic<bool>* stop) = 0;

  // What is left to do through the server of the volume.
  virtual runtime::Task<Status> Load(const SourceState& /*state*/, std::string /*socket_path*/,
                                     const std::atomic<bool>* /*stop*/) {
    co_return Status();
  }

  // What Fill has done so far; nothing when none runs, or it can't say.
  virtual TransferProgress copied() const { return {}; }

  // nullptr: nobody can be in it, only in branches.
  virtual SourceServer* server() { return nullptr; }

  // After a Fill: for how long it is not to be looked at. For sources that move on all the time.
  virtual MonoNanos Rest() const { return 0; }

  // The last call. What runs goes on.
  virtual runtime::Task<void> Close() { co_return; }
  // The same for a source that is not wanted any more: what runs ends. What it is made of stays.
  virtual runtime::Task<Status> End() { co_return Status(); }
};

// It is being changed: its next state is not there yet.
bool IsInUse(const Error& error);
// Trying again does not help before it has changed.
bool IsUnusable(const Error& error);

}  // namespace prism::branching
