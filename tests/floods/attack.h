// Hostile clients: many connections on one thread that send as fast as the server takes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prism::floods {

// One connection of an attack, as its script sees it.
struct Attacker {
  int index = 0;                 // which of Attack::connections it is
  std::int32_t next_stream = 1;  // the script counts
  std::int64_t step = 0;         // how often the script was asked before
  std::uint64_t sent = 0;        // bytes
  std::uint64_t received = 0;
};

// Appends what this connection sends next. Nothing appended: it has no more to say, and stays.
using Script = std::function<void(Attacker&, std::string& out)>;
// Hears what the server said; then the script is asked again, even if it had no more to say.
using Listener = std::function<void(Attacker&, std::string_view bytes)>;

// What became of the connections with one Attacker::index.
struct Fate {
  std::int64_t ended = 0;      // by the server
  double longest_seconds = 0;  // the longest that one of them was open
  std::int64_t refused = 0;    // were told so: a status of HTTP/1.1, GOAWAY or RST_STREAM
  double refused_seconds = 0;  // the longest that one of them was not told
  std::uint32_t refusal = 0;   // the first status or code
};

// What the attackers saw.
struct Outcome {
  std::int64_t attempts = 0;
  std::int64_t failed = 0;  // attempts that were refused
  std::int64_t ended = 0;   // connections that the server closed
  std::int64_t open = 0;    // connections when the time was over
  std::int64_t most_open = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::map<std::uint32_t, std::int64_t> goaways;  // by error code
  std::map<std::uint32_t, std::int64_t> resets;   // RST_STREAM, by error code
  std::map<int, std::int64_t> statuses;           // of HTTP/1.1
  std::vector<Fate> fates;                        // by Attacker::index
  double seconds = 0;

  std::string Describe() const;
};

struct Attack {
  std::string name;
  Script script;
  int connections = 16;
  // The script is asked so long after it had everything sent.
  std::chrono::milliseconds pause{0};
  // With a pause: so much is read each time, through a small buffer; 0: everything at once.
  std::size_t read_bytes = 0;
  // Answers are for it alone: nothing is counted but bytes.
  Listener listener = {};
  // Whoever is thrown out comes back until so many connections have been made in all.
  std::int64_t max_attempts = 1'000'000;
  // So many connections at most wait for the first word of the server.
  std::int64_t max_unanswered = 1'000'000;
  // It ends earlier when the attempts are used up and nobody is left, or has more to say.
  std::chrono::milliseconds duration{1'500};
  // It goes on, for a minute at most, until the server has thrown out so many and said so much.
  std::int64_t until_ended = 0;
  std::uint64_t until_received = 0;
  // Or until this holds.
  std::function<bool(const Outcome&)> until = {};
  // False: answers pile up at the server.
  bool reads = true;
  // Connections are closed by the attacker as soon as they are made, and made again.
  bool hangs_up = false;
  // The same once the server has answered anything.
  bool leaves_when_answered = false;
};

// Runs the attack against "127.0.0.1:PORT" and returns when its time is over, its connections
// still open until the Siege is destroyed. Life cycle: construct, Run once. Thread rule: one.
class Siege {
 public:
  Siege(std::string address, Attack attack);
  Siege(const Siege&) = delete;
  Siege& operator=(const Siege&) = delete;
  ~Siege();

  Outcome Run();

 private:
  struct Connection;

  bool Connect(Connection& connection);
  void Close(Connection& connection);
  void Send(Connection& connection);
  void FallSilent(Connection& connection);
  void Rest(Connection& connection);
  void WakeRested();
  int WaitMilliseconds() const;
  void Watch(Connection& connection, std::uint32_t events);
  void Receive(Connection& connection);
  // False: there is nothing for now, or the connection has ended.
  bool ReadOnce(Connection& connection, std::size_t limit);
  void Hear(Connection& connection, std::string_view bytes);
  void NoteAge(const Connection& connection);
  void NoteRefusal(Connection& connection, std::uint32_t code);
  void Lost(Connection& connection);
  bool MayConnect() const;
  bool GoesOn(std::chrono::steady_clock::time_point start, bool quiet) const;
  void Parse(Connection& connection, std::string_view bytes);
  void OnFrame(Connection& connection);

  const Attack attack_;
  std::uint16_t port_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> waiting_;  // to come back
  // Those that pause, in the order in which they go on, with Connection::attempt.
  struct Resting;
  std::deque<Resting> resting_;
  std::int64_t open_ = 0;
  std::int64_t silent_ = 0;      // of the open ones
  std::int64_t unanswered_ = 0;  // of the open ones
  Outcome outcome_;
};

}  // namespace prism::floods
