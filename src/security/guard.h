// Whom a server lets in and what they may, as of one moment.
#pragma once

#include <memory>
#include <utility>

#include "security/authenticator.h"
#include "security/authorizer.h"

namespace prism::security {

// Both parts change together, so that nobody is judged by the tokens of one revision and the lists
// of another. Immutable, shared by all shards; a change makes another one.
class Guard {
 public:
  Guard(std::shared_ptr<const Authenticator> authenticator,
        std::shared_ptr<const Authorizer> authorizer)
      : authenticator_(std::move(authenticator)), authorizer_(std::move(authorizer)) {}

  // For development on loopback: nobody is asked, and everybody may everything.
  static std::shared_ptr<const Guard> Open();

  const Authenticator& authenticator() const { return *authenticator_; }
  const Authorizer& authorizer() const { return *authorizer_; }

 private:
  const std::shared_ptr<const Authenticator> authenticator_;
  const std::shared_ptr<const Authorizer> authorizer_;
};

}  // namespace prism::security
