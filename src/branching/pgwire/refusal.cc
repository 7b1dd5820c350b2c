#include "branching/pgwire/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/utf8.h"

namespace prism::branching {

namespace {

constexpr std::size_t kMaxSubject = 128;

// In the order of the enumeration. Messages that PostgreSQL has too are worded as it does, since
// drivers and people look for them.
constexpr std::array<RefusalRow, static_cast<std::size_t>(Refusal::kCount)> kRows{{
    {Refusal::kBadStartupLength, Code::kInvalidArgument, "BAD_STARTUP_LENGTH", "08P01",
     "invalid length of startup packet", "a startup packet has 8 to 10000 bytes"},
    {Refusal::kBadStartupLayout, Code::kInvalidArgument, "BAD_STARTUP_LAYOUT", "08P01",
     "invalid startup packet layout: expected terminator as last byte", ""},
    {Refusal::kRepeatedParameter, Code::kInvalidArgument, "REPEATED_PARAMETER", "08P01",
     "startup parameter \"{}\" was sent more than once", "send it once"},
    {Refusal::kUnsupportedProtocol, Code::kUnimplemented, "UNSUPPORTED_PROTOCOL", "0A000",
     "unsupported frontend protocol {}: server supports 3.0 to 3.2", ""},
    {Refusal::kNoUser, Code::kUnauthenticated, "NO_USER", "28000",
     "no PostgreSQL user name specified in startup packet", "connect as user@branch"},
    {Refusal::kDataBeforeTls, Code::kInvalidArgument, "DATA_BEFORE_TLS", "08P01",
     "received unencrypted data after SSL request",
     "this is a client that is broken or somebody who adds to its bytes"},
    {Refusal::kTlsRequired, Code::kUnauthenticated, "TLS_REQUIRED", "28000",
     "this server takes encrypted connections only", "connect with sslmode=require"},
    {Refusal::kProtocolViolation, Code::kInvalidArgument, "PROTOCOL_VIOLATION", "08P01",
     "unexpected message: {}", ""},
    {Refusal::kBadBranchName, Code::kInvalidArgument, "BAD_BRANCH_NAME", "3D000",
     "\"{}\" can't name a branch",
     "1 to 255 bytes of UTF-8 without control characters; a literal @ is written @@"},
    {Refusal::kBranchNamedTwice, Code::kInvalidArgument, "BRANCH_NAMED_TWICE", "08P01",
     "the connection names two branches: {}",
     "name it once: in the user, in the database, in the host, or in options"},
    {Refusal::kBadBranchOption, Code::kInvalidArgument, "BAD_BRANCH_OPTION", "08P01",
     "\"{}\" can't be an option of branches",
     "there are prism.branch=NAME, prism.from=NAME|NAME@SNAPSHOT|NAME@TIME|TIME and prism.ttl=2h "
     "(1s to 3650d)"},
    {Refusal::kNoBranchNamed, Code::kInvalidArgument, "NO_BRANCH_NAMED", "3D000",
     "the connection names no branch, and there is no default", "connect as user@branch"},
    {Refusal::kReservedBranchName, Code::kInvalidArgument, "RESERVED_BRANCH_NAME", "3D000",
     "the name \"{}\" is reserved", "choose another name for the branch"},
    {Refusal::kBranchNotFound, Code::kNotFound, "BRANCH_NOT_FOUND", "3D000",
     "branch \"{}\" does not exist", "`prism branch list` shows those that do"},
    {Refusal::kBranchDeleted, Code::kNotFound, "BRANCH_DELETED", "3D000",
     "branch \"{}\" has been deleted",
     "`prism branch undelete` takes it back; or choose another name"},
    {Refusal::kBranchNameTaken, Code::kAlreadyExists, "BRANCH_NAME_TAKEN", "3D000",
     "the name for \"{}\" belongs to another branch", "choose another name"},
    {Refusal::kNameOfSource, Code::kAlreadyExists, "SOURCE_EXISTS", "3D000",
     "\"{}\" is the name of a source",
     "choose another name; a branch is made of the source with prism.from"},
    {Refusal::kParentNotFound, Code::kNotFound, "PARENT_NOT_FOUND", "3D000",
     "there is no \"{}\" to branch from",
     "`prism branch list` shows branches, `prism branch snapshots` those of one, and `prism branch "
     "source list` sources"},
    {Refusal::kBranchInUse, Code::kFailedPrecondition, "BRANCH_IN_USE", "55006",
     "clients are in branch \"{}\", and this store can't copy what is being written to",
     "wait until they have left; a store on btrfs or ZFS copies branches in use"},
    {Refusal::kTimeBeforeOldest, Code::kNotFound, "TIME_BEFORE_OLDEST", "3D000",
     "there is no state as old as {}", "branch from a later time"},
    {Refusal::kCreationNotAllowed, Code::kPermissionDenied, "CREATION_NOT_ALLOWED", "42501",
     "branch \"{}\" does not exist, and connecting may not create it",
     "look for a typo, or ask the administrator for a rule that allows the name"},
    {Refusal::kWrongPassword, Code::kUnauthenticated, "WRONG_PASSWORD", "28P01",
     "password authentication failed for user \"{}\"", ""},
    {Refusal::kLoginNotAllowed, Code::kPermissionDenied, "LOGIN_NOT_ALLOWED", "28000",
     "user \"{}\" may not connect here", "ask the administrator"},
    {Refusal::kUnsupportedLogin, Code::kUnimplemented, "UNSUPPORTED_LOGIN", "0A000",
     "user \"{}\" can't be authenticated with a branch in its name",
     "name the branch in the database, in options or in the host, since clients hash an MD5 "
     "password "
     "with the name that they give; or set the password again with password_encryption = "
     "'scram-sha-256'"},
    {Refusal::kScramMalformed, Code::kInvalidArgument, "SCRAM_MALFORMED", "08P01",
     "malformed SCRAM message: {}", "log in with a client that speaks RFC 5802"},
    {Refusal::kScramUnsupported, Code::kUnimplemented, "SCRAM_UNSUPPORTED", "0A000",
     "the client asks for {}, which is not supported", "switch it off in the client"},
    {Refusal::kScramChannelBinding, Code::kUnauthenticated, "SCRAM_CHANNEL_BINDING", "28000", "{}",
     "somebody may be between client and server: connect to the server itself"},
    {Refusal::kTooManyConnections, Code::kResourceExhausted, "TOO_MANY_CONNECTIONS", "53300",
     "sorry, too many clients already", "close connections, or try again later"},
    {Refusal::kTooManyBranches, Code::kResourceExhausted, "TOO_MANY_BRANCHES", "53300",
     "there are as many branches as there may be", "delete one: `prism branch delete`"},
    {Refusal::kOwnerBranchLimit, Code::kResourceExhausted, "OWNER_BRANCH_LIMIT", "53300",
     "one owner has as many branches as one may have ({})",
     "delete one (`prism branch delete`), or ask the administrator for more "
     "(branching.max_branches_per_owner)"},
    {Refusal::kOwnerDiskLimit, Code::kResourceExhausted, "OWNER_DISK_LIMIT", "53100",
     "the branches of one owner take up as much as they may ({})",
     "delete one, or ask the administrator for more (branching.max_disk_per_owner)"},
    {Refusal::kOwnerMemoryLimit, Code::kResourceExhausted, "OWNER_MEMORY_LIMIT", "53200",
     "as many servers of one owner run as may run ({})",
     "leave one of its branches, which then stops after branching.idle_timeout, or ask the "
     "administrator to stop one (`prism branch stop`) or for more "
     "(branching.max_memory_per_owner)"},
    {Refusal::kOwnerConnectionLimit, Code::kResourceExhausted, "OWNER_CONNECTION_LIMIT", "53300",
     "too many connections of one user ({})",
     "close some, or ask the administrator for more (branching.max_connections_per_owner)"},
    {Refusal::kDiskFull, Code::kResourceExhausted, "DISK_FULL", "53100",
     "the branch store has no room",
     "give up branches, deleted ones too (`prism branch delete --purge`), or make the store larger "
     "(`prism branch init --size`)"},
    {Refusal::kOutOfMemory, Code::kResourceExhausted, "OUT_OF_MEMORY", "53200",
     "there is not enough memory to run another branch",
     "stop one (`prism branch stop`), try again later, or give servers more "
     "(branching.memory_limit)"},
    {Refusal::kBranchNotReady, Code::kUnavailable, "BRANCH_NOT_READY", "57P03",
     "branch \"{}\" is not ready yet", "connect again"},
    {Refusal::kBranchBeingMade, Code::kUnavailable, "BRANCH_BEING_MADE", "57P03",
     "branch \"{}\" is still being made", "connect again later: it goes on without you"},
    {Refusal::kBranchStarting, Code::kUnavailable, "BRANCH_STARTING", "57P03",
     "the server of branch \"{}\" is still starting",
     "connect again later; `prism branch logs` shows what it says"},
    {Refusal::kBranchNotMade, Code::kInternal, "BRANCH_NOT_MADE", "58000",
     "branch \"{}\" can't be made",
     "connecting again does not help: the log of Prism says why (branch_not_made)"},
    {Refusal::kServerLost, Code::kUnavailable, "BRANCH_SERVER_LOST", "57P03",
     "the server of branch \"{}\" ended the connection",
     "connect again; `prism branch logs` shows what it says"},
    {Refusal::kBranchWontStart, Code::kUnavailable, "BRANCH_WONT_START", "57P03",
     "branch \"{}\" can't be started",
     "`prism branch logs` shows what its server says, the log of Prism what else is the matter"},
    {Refusal::kBranchDamaged, Code::kUnavailable, "BRANCH_DAMAGED", "XX001",
     "the data that branch \"{}\" begins with are damaged",
     "connect again in a moment: they are copied from the source again; `prism branch logs` shows "
     "what its server says"},
    {Refusal::kBranchDataGone, Code::kDataLoss, "BRANCH_DATA_GONE", "XX001",
     "the data of branch \"{}\" are not in the store any more",
     "they were not removed by Prism; delete the branch for good (`prism branch delete --purge`) "
     "and its name is free"},
    {Refusal::kStartingUp, Code::kUnavailable, "STARTING_UP", "57P03",
     "the database system is starting up",
     "connect again later: what branches begin with is still being copied"},
    {Refusal::kNotServing, Code::kUnavailable, "NOT_SERVING", "57P03",
     "there is nothing yet that branches could begin with ({})",
     "connect again later: it is tried again and again; /readyz and the log of Prism say why it "
     "fails"},
    {Refusal::kShuttingDown, Code::kUnavailable, "SHUTTING_DOWN", "57P03",
     "the database system is shutting down", "connect again in a moment"},
    {Refusal::kTerminated, Code::kUnavailable, "TERMINATED", "57P01",
     "terminating connection due to administrator command", "connect again in a moment"},
}};

constexpr bool InOrder() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].refusal) != i || kRows[i].sqlstate.size() != 5) {
      return false;
    }
  }
  return true;
}
static_assert(InOrder());

// Clients choose subjects: nothing of them may break a line of the log or a terminal.
std::string Shown(std::string_view subject) {
  std::string shown(subject.substr(0, kMaxSubject));
  if (base::IsValidUtf8(subject)) shown = base::TruncateUtf8(subject, kMaxSubject);
  const bool text = base::IsValidUtf8(shown);
  std::ranges::replace_if(
      shown,
      [text](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !text);
      },
      '?');
  return shown;
}

std::string_view SqlStateOf(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "08P01";
    case Code::kNotFound:
      return "3D000";
    case Code::kAlreadyExists:
      return "42710";
    case Code::kFailedPrecondition:
      return "55000";
    case Code::kPermissionDenied:
      return "42501";
    case Code::kUnauthenticated:
      return "28000";
    case Code::kResourceExhausted:
      return "53300";
    case Code::kUnimplemented:
      return "0A000";
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kAborted:
      return "57P03";
    default:
      return "XX000";
  }
}

}  // namespace

const RefusalRow& Describe(Refusal refusal) { return kRows[static_cast<std::size_t>(refusal)]; }

Error Refuse(Refusal refusal, std::string_view subject) {
  const RefusalRow& row = Describe(refusal);
  return {row.code, row.reason, fmt::format(fmt::runtime(row.message), Shown(subject))};
}

SqlError SqlErrorOf(const Error& error) {
  const auto* row = std::ranges::find(kRows, error.reason(), &RefusalRow::reason);
  if (row != kRows.end()) return {row->sqlstate, row->hint};
  return {SqlStateOf(error.code()), {}};
}

}  // namespace prism::branching
