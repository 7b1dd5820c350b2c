#include "branching/pgwire/cancel_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "branching/pgwire/refusal.h"
#include "branching/pgwire/startup_message.h"

namespace prism::branching {

CancelKeys::CancelKeys(std::uint32_t first_process_id, std::size_t slots)
    : first_process_id_(first_process_id), slots_(slots) {
  free_.reserve(slots);
  for (std::size_t i = slots; i-- > 0;) free_.push_back(static_cast<std::uint32_t>(i));
}

CancelKeys::~CancelKeys() { OPENSSL_cleanse(slots_.data(), slots_.size() * sizeof(Slot)); }

Result<CancelKey> CancelKeys::Mint(std::uint32_t version, std::uint64_t session) {
  if (free_.empty()) return std::unexpected(Refuse(Refusal::kTooManyConnections));
  Slot& slot = slots_[free_.back()];
  const std::uint32_t size = version >= kProtocol32 ? kMaxKey : 4;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(slot.key.data()), static_cast<int>(size)) != 1) {
    return std::unexpected(Error(Code::kInternal, "NO_RANDOM_NUMBERS",
                                 "there are no random numbers for a cancel key"));
  }
  slot.session = session;
  slot.size = size;
  CancelKey minted{.process_id = first_process_id_ + free_.back(),
                   .key = std::string(slot.key.data(), size)};
  free_.pop_back();
  return minted;
}

std::optional<std::uint64_t> CancelKeys::Find(std::uint32_t process_id,
                                              std::string_view key) const {
  // Below the first it is a number beyond all slots.
  const std::uint32_t index = process_id - first_process_id_;
  if (index >= slots_.size()) return std::nullopt;
  const Slot& slot = slots_[index];
  // A free slot has size 0, and no key that is asked for is empty.
  if (key.empty() || key.size() != slot.size) return std::nullopt;
  if (CRYPTO_memcmp(slot.key.data(), key.data(), key.size()) != 0) return std::nullopt;
  return slot.session;
}

void CancelKeys::Remove(std::uint32_t process_id) {
  const std::uint32_t index = process_id - first_process_id_;
  OPENSSL_cleanse(&slots_[index], sizeof(Slot));
  free_.push_back(index);
}

}  // namespace prism::branching
