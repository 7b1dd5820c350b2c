// The resource routes of the admin API, from what its methods say of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contract/method.h"
#include "gateway/admin/route_template.h"
#include "rpc/resource_route.h"

namespace prism::gateway {

// One transcoder for all methods with `traits.rest`: variables of the path are fields of the
// request, the query is its other fields, a JSON body is the field that the route names or the
// whole request; answers are proto3 JSON, streams lines of it. Strict: what means nothing is
// refused. Life cycle: the tables of the interfaces outlive it. Thread rule: any shard.
class AdminRoute final : public rpc::ResourceRoute {
 public:
  explicit AdminRoute(std::span<const contract::InterfaceInfo* const> interfaces);

  // INVALID_ARGUMENT: PARAMETER_UNKNOWN, PARAMETER_REPEATED, PARAMETER_INVALID, BODY_UNEXPECTED,
  // BODY_REQUIRED, CONTENT_TYPE_UNSUPPORTED, and those of DecodeText and ParseJson. NOT_FOUND/
  // ROUTE_NOT_FOUND, UNIMPLEMENTED/HTTP_METHOD_UNSUPPORTED, PERMISSION_DENIED/ORIGIN_NOT_ALLOWED.
  Result<rpc::ResourceCall> ToCall(const rpc::ResourceRequest& request, std::string& message,
                                   rpc::ResourceReply& reply) const override;
  std::string_view StatusOf(const Error& error) const override;

 private:
  struct Entry {
    std::string_view verb;
    RouteTemplate path;
    const contract::MethodInfo* method;
  };
  struct Match {
    const Entry* entry;
    RouteTemplate::Values values;
  };

  Result<Match> Find(const rpc::ResourceRequest& request, rpc::ResourceReply& reply) const;

  std::vector<Entry> entries_;  // the more specific ones first
};

}  // namespace prism::gateway
