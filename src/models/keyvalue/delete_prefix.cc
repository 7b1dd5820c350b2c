#include "models/keyvalue/delete_prefix.h"

#include "models/request_identity.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::models {
namespace {

constexpr char kDeleting = 'P';
constexpr char kDeleted = 'D';

}  // namespace

std::string EncodeDeletePrefix(const DeletePrefixState& state) {
  keyvalue::v1::DeletePrefixResponse answer;
  answer.set_deleted(static_cast<std::int64_t>(state.deleted));
  return std::string(1, state.done ? kDeleted : kDeleting) + answer.SerializeAsString();
}

Result<DeletePrefixState> DecodeDeletePrefix(std::string_view bytes) {
  if (bytes.empty()) return DeletePrefixState();
  keyvalue::v1::DeletePrefixResponse answer;
  TRY(ReadAnswer(bytes.substr(1), answer));
  return DeletePrefixState{.deleted = static_cast<std::uint64_t>(answer.deleted()),
                           .done = bytes.front() == kDeleted};
}

}  // namespace prism::models
