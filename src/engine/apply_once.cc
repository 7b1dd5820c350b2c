#include "engine/apply_once.h"

#include "models/errors.h"

namespace prism::engine {

Result<std::optional<base::Buffer>> FindAnswer(DedupStore& dedup,
                                               const models::WriteIdentity& identity,
                                               WallMillis now) {
  TRY_ASSIGN(auto remembered, dedup.Find(identity.id, now));
  if (!remembered) return std::nullopt;
  if (remembered->payload != identity.payload)
    return std::unexpected(models::RequestIdReusedError());
  return std::move(remembered->response);
}

}  // namespace prism::engine
