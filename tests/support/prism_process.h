// A real `prism serve` under the control of a test: started on free ports, killed, started again.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"

namespace prism::testing {

// The program is the environment variable PRISM_PROGRAM. Aborts the test program when it can't be
// started: nothing could be tested. One thread at a time.
class PrismProcess {
 public:
  // Data, ready file and log live in a fresh temporary directory, removed at the end.
  explicit PrismProcess(std::vector<std::string> options = {});
  PrismProcess(const PrismProcess&) = delete;
  PrismProcess& operator=(const PrismProcess&) = delete;
  ~PrismProcess();

  // Returns when the ready file says that everything listens.
  void Start();
  // SIGKILL, as a crash.
  void Kill();
  // SIGTERM; returns the exit code.
  int Terminate();

  const std::string& data_address() const { return data_address_; }
  pid_t pid() const { return pid_; }
  std::string Log() const;

 private:
  int Wait();

  std::vector<std::string> options_;
  base::testing::TempDirectory directory_;
  std::string data_address_;
  pid_t pid_ = -1;
};

// Lets a load go on for a while: its length is what the test is about, there is nothing to wait
// for.
void LetRun(std::chrono::milliseconds duration);

}  // namespace prism::testing
