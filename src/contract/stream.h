// Streams of messages between a method and whoever carries them. All on the call's shard.
#pragma once

#include "base/status.h"
#include "runtime/task.h"

namespace google::protobuf {
class Message;
}

namespace prism::contract {

// Where a server-streaming method writes.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Completes when the message is taken over and there is room for the next one (back-pressure), or
  // with CANCELLED / DEADLINE_EXCEEDED when nobody wants it any more. The message may be reused
  // afterwards.
  virtual runtime::Task<Status> Write(const google::protobuf::Message& message) = 0;
};

// Where a client-streaming method reads.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  // Fills `into` (cleared first) and answers true; false at the end of the stream.
  virtual runtime::Task<Result<bool>> Read(google::protobuf::Message& into) = 0;
};

// The typed views that the interface classes see. Passed by value, so that they live in the frame
// of the method; what they refer to lives as long as the call.
template <class T>
class Sink {
 public:
  explicit Sink(MessageSink& sink) : sink_(sink) {}
  runtime::Task<Status> Write(const T& message) { return sink_.Write(message); }
  MessageSink& untyped() { return sink_; }

 private:
  MessageSink& sink_;
};

template <class T>
class Source {
 public:
  explicit Source(MessageSource& source) : source_(source) {}
  runtime::Task<Result<bool>> Read(T& into) { return source_.Read(into); }
  MessageSource& untyped() { return source_; }

 private:
  MessageSource& source_;
};

}  // namespace prism::contract
