// Every answer by which the proxy turns a client away: one table.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

enum class Refusal : std::uint8_t {
  kBadStartupLength,
  kBadStartupLayout,
  kRepeatedParameter,    // subject: the parameter
  kUnsupportedProtocol,  // subject: the version, "2.0"
  kNoUser,
  kDataBeforeTls,
  kTlsRequired,
  kProtocolViolation,  // subject: what came
  kBadBranchName,      // subject: the name
  kBranchNamedTwice,   // subject: both names
  kBadBranchOption,    // subject: the option
  kNoBranchNamed,
  kReservedBranchName,   // subject: the name
  kBranchNotFound,       // subject: the branch
  kBranchDeleted,        // subject: the branch
  kBranchNameTaken,      // subject: the branch
  kNameOfSource,         // subject: the name
  kParentNotFound,       // subject: what was to be branched
  kBranchInUse,          // subject: the branch that was to be copied
  kTimeBeforeOldest,     // subject: the time, and the oldest
  kCreationNotAllowed,   // subject: the branch
  kWrongPassword,        // subject: the user
  kLoginNotAllowed,      // subject: the user
  kUnsupportedLogin,     // subject: the user
  kScramMalformed,       // subject: what is wrong with the message
  kScramUnsupported,     // subject: what the client asks for
  kScramChannelBinding,  // subject: a sentence
  kTooManyConnections,
  kTooManyBranches,
  kOwnerBranchLimit,  // subject: the owner, and its figures; as the three after it
  kOwnerDiskLimit,
  kOwnerMemoryLimit,
  kOwnerConnectionLimit,
  kDiskFull,
  kOutOfMemory,
  kBranchNotReady,   // subject: the branch
  kBranchBeingMade,  // subject: the branch
  kBranchStarting,   // subject: the branch
  kBranchNotMade,    // subject: the branch
  kServerLost,       // subject: the branch
  kBranchWontStart,  // subject: the branch
  kBranchDamaged,    // subject: the branch
  kBranchDataGone,   // subject: the branch
  kStartingUp,
  kNotServing,  // subject: the reason code of what is the matter
  kShuttingDown,
  kTerminated,
  kCount
};

struct RefusalRow {
  Refusal refusal;
  Code code;
  std::string_view reason;    // UPPER_SNAKE, stable
  std::string_view sqlstate;  // five characters (PostgreSQL documentation, appendix A)
  std::string_view message;   // "{}" is the subject
  std::string_view hint;      // what to do
};
const RefusalRow& Describe(Refusal refusal);

// The refusal as an error with its code, its reason and the message about `subject`. Of the subject
// at most 128 bytes are repeated, and only what can be shown.
Error Refuse(Refusal refusal, std::string_view subject = {});

// The SQLSTATE and the hint of any error: those of the table when the reason is in it; else the
// SQLSTATE that fits the code, and no hint.
struct SqlError {
  std::string_view sqlstate;
  std::string_view hint;
};
SqlError SqlErrorOf(const Error& error);

}  // namespace prism::branching
