#include "tests/floods/attack.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFrameHeaderBytes = 9;
constexpr std::size_t kBatch = 256;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kBadRequest = 400;
// Attempts between two looks at what the connections say.
constexpr int kConnectsPerTurn = 64;
constexpr std::chrono::seconds kLongest(60);
constexpr int kQuietMilliseconds = 200;
// Source addresses: each has its own ephemeral ports.
constexpr std::uint32_t kSources = 64;

std::uint16_t PortOf(const std::string& address) {
  std::uint16_t port = 0;
  const std::size_t colon = address.rfind(':');
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port;
}

sockaddr_in Loopback(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((127u << 24) + host);
  return address;
}

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::string Counts(const auto& counts, std::string_view what) {
  std::string out;
  for (const auto& [code, count] : counts) out += fmt::format(", {} x {} {}", count, what, code);
  return out;
}

// A peer that reads nothing still hears that the connection has ended.
std::uint32_t EventsOfAnswers(const Attack& attack) {
  return attack.reads && attack.read_bytes == 0 ? EPOLLIN : EPOLLRDHUP;
}

// The soft limit of descriptors is for programs that use select.
void RaiseFileLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Siege::Connection {
  Attacker attacker;
  int fd = -1;
  std::int64_t attempt = 0;
  Clock::time_point opened;
  bool refused = false;
  bool connected = false;
  bool wants_write = false;
  bool silent = false;  // has nothing more to say
  std::string out;
  std::size_t out_at = 0;
  // What is being read.
  std::array<std::uint8_t, kFrameHeaderBytes> header;
  std::size_t header_size = 0;
  std::size_t payload_left = 0;
  std::string code;  // the first 8 bytes of a payload
  bool first_bytes = true;
  bool is_http1 = false;
};

struct Siege::Resting {
  Clock::time_point until;
  Connection* connection;
  std::int64_t attempt;  // over when it is another one
};

std::string Outcome::Describe() const {
  return fmt::format("{} attempts, {} failed, {} ended by the server, {} open at the end{}{}{}",
                     attempts, failed, ended, open, Counts(goaways, "GOAWAY"),
                     Counts(resets, "RST_STREAM"), Counts(statuses, "status"));
}

Siege::Siege(std::string address, Attack attack)
    : attack_(std::move(attack)), port_(PortOf(address)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  for (int i = 0; i < attack_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->attacker.index = i;
    waiting_.push_back(connections_.back().get());
  }
  std::ranges::reverse(waiting_);
  outcome_.fates.resize(connections_.size());
  RaiseFileLimit();
}

Siege::~Siege() {
  for (const auto& connection : connections_) Close(*connection);
  ::close(epoll_);
}

Outcome Siege::Run() {
  const auto start = Clock::now();
  std::array<epoll_event, kBatch> events;
  // Silence for a while says that the server has nothing to say any more either.
  bool quiet = false;
  while (GoesOn(start, quiet)) {
    for (int i = 0; i < kConnectsPerTurn && MayConnect(); ++i) {
      Connection& connection = *waiting_.back();
      waiting_.pop_back();
      ++outcome_.attempts;
      if (!Connect(connection)) Lost(connection);
    }
    WakeRested();
    const int ready = ::epoll_wait(epoll_, events.data(), kBatch, WaitMilliseconds());
    quiet = ready == 0 && resting_.empty();
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      Connection& connection = *static_cast<Connection*>(event.data.ptr);
      constexpr std::uint32_t kHeard = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
      if ((event.events & kHeard) != 0) Receive(connection);
      if ((event.events & EPOLLOUT) != 0 && connection.fd >= 0) Send(connection);
    }
  }
  outcome_.open = open_;
  outcome_.seconds = Seconds(Clock::now() - start);
  for (const auto& connection : connections_) {
    if (connection->fd >= 0) NoteAge(*connection);
  }
  return outcome_;
}

bool Siege::MayConnect() const {
  return !waiting_.empty() && outcome_.attempts < attack_.max_attempts &&
         unanswered_ < attack_.max_unanswered;
}

int Siege::WaitMilliseconds() const {
  if (MayConnect()) return 0;
  if (resting_.empty()) return kQuietMilliseconds;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(resting_.front().until - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

void Siege::Watch(Connection& connection, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Siege::Rest(Connection& connection) {
  Watch(connection, EventsOfAnswers(attack_));
  resting_.push_back({Clock::now() + attack_.pause, &connection, connection.attempt});
}

void Siege::WakeRested() {
  for (; !resting_.empty() && resting_.front().until <= Clock::now(); resting_.pop_front()) {
    Connection& connection = *resting_.front().connection;
    if (connection.fd < 0 || connection.attempt != resting_.front().attempt) continue;
    if (attack_.read_bytes != 0) ReadOnce(connection, attack_.read_bytes);
    if (connection.fd >= 0) Watch(connection, EPOLLOUT | EventsOfAnswers(attack_));
  }
}

bool Siege::GoesOn(Clock::time_point start, bool quiet) const {
  const auto now = Clock::now();
  const bool enough = outcome_.ended >= attack_.until_ended &&
                      outcome_.received >= attack_.until_received &&
                      (!attack_.until || attack_.until(outcome_));
  const auto longest = std::max<Clock::duration>(kLongest, attack_.duration);
  if (now >= start + (enough ? attack_.duration : longest)) return false;
  return !(enough && quiet && outcome_.attempts >= attack_.max_attempts && open_ == silent_);
}

bool Siege::Connect(Connection& connection) {
  const Attacker fresh{.index = connection.attacker.index};
  connection = Connection{};
  connection.attacker = fresh;
  connection.attempt = outcome_.attempts;
  connection.opened = Clock::now();
  connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection.fd < 0) return false;
  outcome_.most_open = std::max(outcome_.most_open, ++open_);
  ++unanswered_;
  const int on = 1;
  ::setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  // Closing resets: nothing stays behind in the system for a minute.
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  if (attack_.read_bytes != 0) {
    const int small = 4096;
    ::setsockopt(connection.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
  const auto source = static_cast<std::uint32_t>(outcome_.attempts) % kSources;
  const sockaddr_in from = Loopback(256 + source, 0);
  if (::bind(connection.fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) {
    return false;
  }
  const sockaddr_in to = Loopback(1, port_);
  const int result = ::connect(connection.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (result != 0 && errno != EINPROGRESS) return false;
  epoll_event event{.events = EPOLLOUT | EventsOfAnswers(attack_), .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  connection.wants_write = true;
  return true;
}

void Siege::Close(Connection& connection) {
  if (connection.fd < 0) return;
  ::close(std::exchange(connection.fd, -1));
  --open_;
  silent_ -= connection.silent ? 1 : 0;
  unanswered_ -= connection.attacker.received == 0 ? 1 : 0;
}

void Siege::NoteAge(const Connection& connection) {
  Fate& fate = outcome_.fates[static_cast<std::size_t>(connection.attacker.index)];
  fate.longest_seconds = std::max(fate.longest_seconds, Seconds(Clock::now() - connection.opened));
}

void Siege::NoteRefusal(Connection& connection, std::uint32_t code) {
  if (std::exchange(connection.refused, true)) return;
  Fate& fate = outcome_.fates[static_cast<std::size_t>(connection.attacker.index)];
  if (fate.refused++ == 0) fate.refusal = code;
  fate.refused_seconds = std::max(fate.refused_seconds, Seconds(Clock::now() - connection.opened));
}

// The server has ended it: again, as long as attempts are left.
void Siege::Lost(Connection& connection) {
  if (connection.connected) {
    ++outcome_.ended;
    ++outcome_.fates[static_cast<std::size_t>(connection.attacker.index)].ended;
    NoteAge(connection);
  } else {
    ++outcome_.failed;
  }
  Close(connection);
  waiting_.push_back(&connection);
}

void Siege::Send(Connection& connection) {
  connection.connected = true;
  if (attack_.hangs_up) {
    Close(connection);
    waiting_.push_back(&connection);
    return;
  }
  if (connection.out_at == connection.out.size()) {
    connection.out.clear();
    connection.out_at = 0;
    attack_.script(connection.attacker, connection.out);
    ++connection.attacker.step;
    if (connection.out.empty()) return FallSilent(connection);
  }
  const ssize_t sent = ::send(connection.fd, connection.out.data() + connection.out_at,
                              connection.out.size() - connection.out_at, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      if (attack_.reads) Receive(connection);  // the server's last words
      if (connection.fd >= 0) Lost(connection);
    }
    return;
  }
  connection.out_at += static_cast<std::size_t>(sent);
  connection.attacker.sent += static_cast<std::uint64_t>(sent);
  outcome_.sent += static_cast<std::uint64_t>(sent);
  if (attack_.pause.count() > 0 && connection.out_at == connection.out.size()) Rest(connection);
}

void Siege::FallSilent(Connection& connection) {
  if (attack_.read_bytes != 0) return Rest(connection);
  connection.silent = true;
  ++silent_;
  Watch(connection, EventsOfAnswers(attack_));
}

void Siege::Receive(Connection& connection) {
  if (!attack_.reads) return Lost(connection);
  while (ReadOnce(connection, kReadBytes)) {
  }
}

bool Siege::ReadOnce(Connection& connection, std::size_t limit) {
  std::array<char, kReadBytes> buffer;
  const ssize_t got = ::recv(connection.fd, buffer.data(), std::min(limit, buffer.size()), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    Lost(connection);
    return false;
  }
  outcome_.received += static_cast<std::uint64_t>(got);
  if (connection.attacker.received == 0) --unanswered_;
  connection.attacker.received += static_cast<std::uint64_t>(got);
  if (attack_.leaves_when_answered) {
    Close(connection);
    waiting_.push_back(&connection);
    return false;
  }
  Hear(connection, {buffer.data(), static_cast<std::size_t>(got)});
  return true;
}

void Siege::Hear(Connection& connection, std::string_view bytes) {
  if (!attack_.listener) return Parse(connection, bytes);
  attack_.listener(connection.attacker, bytes);
  if (!std::exchange(connection.silent, false)) return;
  --silent_;
  Watch(connection, EPOLLOUT | EventsOfAnswers(attack_));
}

void Siege::Parse(Connection& connection, std::string_view bytes) {
  constexpr std::string_view kStatusLine = "HTTP/1.1 ";
  if (std::exchange(connection.first_bytes, false)) {
    connection.is_http1 = bytes.starts_with(kStatusLine);
  }
  if (connection.is_http1) {
    // Answers to what these scripts send are small: each read begins with one.
    if (bytes.starts_with(kStatusLine)) {
      const int status = std::atoi(bytes.substr(kStatusLine.size(), 3).data());
      ++outcome_.statuses[status];
      if (status >= kBadRequest) NoteRefusal(connection, static_cast<std::uint32_t>(status));
    }
    return;
  }
  while (!bytes.empty()) {
    if (connection.payload_left > 0) {
      const std::string_view part = bytes.substr(0, connection.payload_left);
      connection.code.append(part.substr(0, 8 - std::min<std::size_t>(8, connection.code.size())));
      connection.payload_left -= part.size();
      bytes.remove_prefix(part.size());
      if (connection.payload_left == 0) OnFrame(connection);
      continue;
    }
    connection.header[connection.header_size++] = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (connection.header_size < kFrameHeaderBytes) continue;
    connection.header_size = 0;
    connection.code.clear();
    connection.payload_left = std::size_t{connection.header[0]} << 16 |
                              std::size_t{connection.header[1]} << 8 | connection.header[2];
  }
}

void Siege::OnFrame(Connection& connection) {
  const auto number = [&connection](std::size_t at) {
    std::uint32_t value = 0;
    for (const char c : connection.code.substr(at, 4))
      value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  };
  const std::uint8_t type = connection.header[3];
  if (type != kGoaway && type != kRstStream) return;
  const std::uint32_t code = number(type == kGoaway ? 4 : 0);
  ++(type == kGoaway ? outcome_.goaways : outcome_.resets)[code];
  NoteRefusal(connection, code);
}

}  // namespace prism::floods
