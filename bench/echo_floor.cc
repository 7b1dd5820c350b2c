// The floor under every end-to-end figure: what the kernel's TCP path alone costs the server for
// the same bytes, connections and depth. An epoll server answers each request of 54 bytes with 138;
// one thread each side.
//
//   prism_echo_floor CONNECTIONS IN_FLIGHT MILLISECONDS   -> one JSON object
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kRequestBytes = 54;
constexpr std::size_t kReplyBytes = 138;
constexpr std::size_t kBuffer = 256 * 1024;

[[noreturn]] void Die(std::string_view what) {
  fmt::print(stderr, "echo floor: {} failed\n", what);
  std::exit(1);
}

void SendAll(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) Die("send");
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void Watch(int epoll, int fd, std::uint64_t tag) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
}

// Until the parent kills it.
[[noreturn]] void Serve(int listener) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int epoll = ::epoll_create1(0);
  Watch(epoll, listener, static_cast<std::uint64_t>(listener));
  std::vector<char> in(kBuffer);
  const std::vector<char> reply(kBuffer * 3, 'r');
  std::vector<std::size_t> partial(65'536);
  std::array<epoll_event, 64> ready;
  for (;;) {
    const int count = ::epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      const auto fd = static_cast<int>(ready[static_cast<std::size_t>(i)].data.u64);
      if (fd == listener) {
        const int accepted = ::accept(listener, nullptr, nullptr);
        const int on = 1;
        ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Watch(epoll, accepted, static_cast<std::uint64_t>(accepted));
        continue;
      }
      const ssize_t got = ::recv(fd, in.data(), in.size(), 0);
      if (got <= 0) {
        ::close(fd);
        continue;
      }
      std::size_t& have = partial[static_cast<std::size_t>(fd)];
      have += static_cast<std::size_t>(got);
      SendAll(fd, reply.data(), have / kRequestBytes * kReplyBytes);
      have %= kRequestBytes;
    }
  }
}

struct Outcome {
  std::uint64_t replies = 0;
  double seconds = 0;
};

Outcome Load(const std::vector<int>& sockets, std::size_t in_flight,
             std::chrono::milliseconds duration) {
  const int epoll = ::epoll_create1(0);
  const std::vector<char> request(kRequestBytes * in_flight, 'q');
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    Watch(epoll, sockets[i], i);
    SendAll(sockets[i], request.data(), request.size());
  }
  std::vector<char> in(kBuffer);
  std::vector<std::size_t> partial(sockets.size());
  std::array<epoll_event, 64> ready;
  Outcome outcome;
  const auto start = std::chrono::steady_clock::now();
  auto now = start;
  for (; now < start + duration; now = std::chrono::steady_clock::now()) {
    const int count = ::epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), 100);
    for (int i = 0; i < count; ++i) {
      const std::size_t which = ready[static_cast<std::size_t>(i)].data.u64;
      const ssize_t got = ::recv(sockets[which], in.data(), in.size(), 0);
      if (got <= 0) Die("recv");
      partial[which] += static_cast<std::size_t>(got);
      const std::size_t replies = partial[which] / kReplyBytes;
      partial[which] %= kReplyBytes;
      outcome.replies += replies;
      SendAll(sockets[which], request.data(), replies * kRequestBytes);
    }
  }
  outcome.seconds = std::chrono::duration<double>(now - start).count();
  return outcome;
}

std::optional<std::size_t> Number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

double CpuOf(pid_t child) {
  ::kill(child, SIGKILL);
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  const auto connections = argc == 4 ? Number(argv[1]) : std::nullopt;
  const auto in_flight = argc == 4 ? Number(argv[2]) : std::nullopt;
  const auto millis = argc == 4 ? Number(argv[3]) : std::nullopt;
  if (!connections || !in_flight || !millis || *connections > 1000 || *in_flight > 1000) {
    fmt::print(stderr,
               "usage: prism_echo_floor CONNECTIONS(1-1000) IN_FLIGHT(1-1000) MILLISECONDS\n");
    return 2;
  }
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 1024) != 0)
    Die("listen");
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);

  const pid_t child = ::fork();
  if (child < 0) Die("fork");
  if (child == 0) Serve(listener);
  std::vector<int> sockets(*connections);
  for (int& fd : sockets) {
    fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("connect");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const Outcome outcome = Load(sockets, *in_flight, std::chrono::milliseconds(*millis));
  const double cpu = CpuOf(child);
  const auto replies = static_cast<double>(outcome.replies);
  fmt::print("{{\"rate\": {:.0f}, \"server_cpu_us\": {:.3f}}}\n", replies / outcome.seconds,
             cpu * 1e6 / replies);
  return 0;
}
