// For tests: an authority and what it vouches for, made by the openssl program.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/testing/temp_directory.h"

namespace prism::rpc::testing {

// Files NAME.pem and NAME.key in a directory of its own; "ca" is there from the beginning.
class Certificates {
 public:
  Certificates() {
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=authority -keyout ca.key -out ca.pem");
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // `names`: "DNS:localhost,IP:127.0.0.1". `validity`: options of openssl x509.
  void Make(const std::string& name, const std::string& names,
            const std::string& validity = "-days 2", const std::string& authority = "ca") {
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
        " -keyout " + name + ".key -out " + name + ".csr && printf 'subjectAltName=" + names +
        "' > " + name + ".ext && openssl x509 -req " + validity + " -CA " + authority +
        ".pem -CAkey " + authority + ".key -CAcreateserial -extfile " + name + ".ext -in " + name +
        ".csr -out " + name + ".pem");
  }
  void Run(const std::string& command) {
    const std::string script = "cd " + directory_.path() + " && (" + command + ") 2>/dev/null";
    EXPECT_EQ(std::system(script.c_str()), 0) << command;
  }
  std::string File(const std::string& name) const { return directory_.File(name); }

 private:
  base::testing::TempDirectory directory_;
};

}  // namespace prism::rpc::testing
