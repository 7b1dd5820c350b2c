#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cli/shell.h"
#include "cli/verbs.h"

namespace prism::cli {
namespace {

// What bash offers for a command line whose last word is being typed.
std::string Complete(const std::string& words, int position) {
  CLI::App app;
  Shell shell;
  AddVerbs(app, shell);
  const std::string path = testing::TempDir() + "prism-completion-" + std::to_string(getpid());
  std::ofstream(path) << BashCompletion(app);
  // A server that has the namespaces "orders" and "other", the branch "pr-12", and no backend.
  const std::string names =
      "prism() { case \"$*\" in "
      "\"namespace list --names --timeout 2s\") echo orders; echo other ;; "
      "\"branch list --names --timeout 2s\") echo pr-12 ;; esac; }";
  const std::string command =
      "bash -c 'set -u; cd /; " + names + "; source " + path + "; COMP_WORDS=(" + words +
      "); COMP_CWORD=" + std::to_string(position) + "; _prism; echo \"${COMPREPLY[*]}\"' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  for (int c = 0; (c = getc(pipe)) != EOF;) output += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0) << output;
  std::filesystem::remove(path);
  return output;
}

TEST(CompletionTest, BashCompletesVerbsAndOptions) {
  EXPECT_EQ(Complete("prism k", 1), "kv\n");
  EXPECT_EQ(Complete("prism kv ex", 2), "exists expire export\n");
  EXPECT_EQ(Complete("prism kv set default --t", 4),
            "--ttl --tag --tls --tls-ca --tls-cert --tls-key "
            "--tls-server-name --token --token-file --timeout\n");
  EXPECT_EQ(Complete("prism --server x:1 kv ca", 4), "cas\n");
  EXPECT_EQ(Complete("prism kv cas default k v --expect-v", 6),
            "--expect-value --expect-version\n");
  EXPECT_EQ(Complete("prism kv import default etc/os-rel", 4), "etc/os-release\n");
}

TEST(CompletionTest, NamesComeFromTheServer) {
  EXPECT_EQ(Complete("prism namespace get or", 3), "orders\n");
  EXPECT_EQ(Complete("prism ns get \"\"", 3), "orders other\n");
  EXPECT_EQ(Complete("prism kv set o", 3), "orders other\n");
  EXPECT_EQ(Complete("prism ns get --rev", 3), "--revision\n");
  EXPECT_EQ(Complete("prism ns diff orders etc/os-rel", 4), "etc/os-release\n");
  EXPECT_EQ(Complete("prism backend get etc/os-rel", 3), "etc/os-release\n");
  EXPECT_EQ(Complete("prism branch psql pr", 3), "pr-12\n");
}

TEST(CompletionTest, EveryShellKnowsEveryVerb) {
  CLI::App app;
  Shell shell;
  AddVerbs(app, shell);
  for (const std::string& script : {BashCompletion(app), ZshCompletion(app), FishCompletion(app)}) {
    for (const char* verb : {"txn", "persist", "incr", "status", "validate", "completion"}) {
      EXPECT_NE(script.find(verb), std::string::npos) << verb << " in " << script;
    }
  }
}

}  // namespace
}  // namespace prism::cli
