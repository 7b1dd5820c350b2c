// The reference for people (Markdown) and the retry rules for gRPC clients (service config).
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>

#include <string>
#include <vector>

namespace prism::codegen {

using FileList = std::vector<const google::protobuf::FileDescriptor*>;

// Base name of the page of a file: "keyvalue".
std::string PageOf(const google::protobuf::FileDescriptor& file);

// The page of one file: its interfaces with their methods, then its messages.
void WritePage(const google::protobuf::FileDescriptor& file, google::protobuf::io::Printer& out);

// The list of pages.
void WriteIndex(const FileList& files, google::protobuf::io::Printer& out);

// A gRPC service config (github.com/grpc/proposal, A6) that lets clients repeat the methods for
// which a repetition is always safe.
void WriteRetryConfig(const FileList& files, google::protobuf::io::Printer& out);

}  // namespace prism::codegen
