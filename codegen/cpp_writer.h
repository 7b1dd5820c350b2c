// The C++ side of the contract: interface classes, method tables, interception adaptors.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>

#include <string>
#include <vector>

namespace prism::codegen {

// The header and the source for the services of one file.
void WriteInterfaceHeader(const google::protobuf::FileDescriptor& file,
                          google::protobuf::io::Printer& out);
void WriteInterfaceSource(const google::protobuf::FileDescriptor& file,
                          google::protobuf::io::Printer& out);

// The list of all interfaces; `header` is the path under which the header is included.
void WriteListHeader(google::protobuf::io::Printer& out);
void WriteListSource(const std::vector<const google::protobuf::FileDescriptor*>& files,
                     const std::string& header, google::protobuf::io::Printer& out);

}  // namespace prism::codegen
