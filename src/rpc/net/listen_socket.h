// A socket that takes connections, opened before anything else of the server is: a port that is in
// use is found while nothing has been touched yet.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace prism::rpc {

// Owns the descriptor, and the file of a unix socket that it made. From Open on the system lets
// clients connect; they wait until a Listener accepts them. Life cycle: made by Open or Adopt,
// moved into a Listener. Thread rule: one thread at a time.
class ListenSocket {
 public:
  // "host:port" with a numeric host or localhost, "[::1]:0", "unix:/path". Port 0: the system
  // chooses. UNAVAILABLE/ADDRESS_IN_USE, INVALID_ARGUMENT/BAD_ADDRESS,
  // PERMISSION_DENIED/ADDRESS_NOT_PERMITTED, UNAVAILABLE/ADDRESS_UNAVAILABLE.
  static Result<ListenSocket> Open(std::string_view address);
  // Whether Open would understand the address, without opening anything.
  // INVALID_ARGUMENT/BAD_ADDRESS.
  static Status CheckAddress(std::string_view address);
  // Takes over a descriptor from whoever started the program. INVALID_ARGUMENT/BAD_ADDRESS when it
  // is no listening stream socket.
  static Result<ListenSocket> Adopt(int fd);

  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) noexcept;
  ~ListenSocket();

  // No more clients get in, but none is refused yet: who is in the queue can still be accepted.
  // False: the socket is somebody else's, who lets them wait for whoever accepts next.
  bool Seal();
  // Clients are refused from now on, those in the queue too, unless the socket is somebody else's.
  void Close();
  int fd() const { return fd_; }
  // Whether others may accept from it too: whoever handed it over, and who comes after us.
  bool shared() const { return adopted_; }
  // As others may connect to it: with the port that the system chose.
  const std::string& address() const { return address_; }

 private:
  ListenSocket(int fd, std::string address, std::string unix_path)
      : fd_(fd), address_(std::move(address)), unix_path_(std::move(unix_path)) {}
  static Result<ListenSocket> OpenTcp(std::string_view address);
  static Result<ListenSocket> OpenUnix(const std::string& path);

  int fd_ = -1;
  std::string address_;
  std::string unix_path_;  // removed at the end; empty when it is not ours
  bool adopted_ = false;   // others may have it too
};

}  // namespace prism::rpc
