#include "rpc/server.h"

#include "contract/status_proto.h"
#include "google/rpc/status.pb.h"

namespace prism::rpc {

google::rpc::Status Dispatcher::StatusOf(const Error& error) {
  return contract::StatusProto(error);
}

}  // namespace prism::rpc
