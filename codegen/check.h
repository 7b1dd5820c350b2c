// The rules that a .proto file must keep to be part of the contract, checked before anything is
// generated from it.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

namespace prism::codegen {

// Every violation in `files`, each as "file:line:column: what is wrong and what
// would be right". Empty: all is well.
std::vector<std::string> CheckContract(
    const std::vector<const google::protobuf::FileDescriptor*>& files);

}  // namespace prism::codegen
