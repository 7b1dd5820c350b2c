#include "rpc/json/json_codec.h"

#include <google/protobuf/message.h>

#include <utility>

#include "rpc/json/json_reader.h"
#include "rpc/json/json_tape.h"
#include "rpc/json/json_writer.h"

namespace prism::rpc {

Status ParseJson(std::string_view text, google::protobuf::Message& into,
                 const JsonOptions& options) {
  into.Clear();
  TRY_ASSIGN(const JsonTape tape, JsonTape::Parse(text, options.max_depth));
  Status read = JsonReader(tape, options).Read(into);
  if (!read) into.Clear();
  return read;
}

Status WriteJson(const google::protobuf::Message& message, std::string& out,
                 const JsonOptions& options) {
  const std::size_t before = out.size();
  Status written = JsonWriter(out, options).Write(message);
  if (!written) out.resize(before);
  return written;
}

}  // namespace prism::rpc
