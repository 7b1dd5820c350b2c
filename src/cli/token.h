// prism token: API tokens, on the admin port or, when nobody gets in any more, in the data
// directory.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddToken(CLI::App& app, Shell& shell);
// prism token recover.
void AddTokenRecover(CLI::App& token, Shell& shell);

}  // namespace prism::cli
