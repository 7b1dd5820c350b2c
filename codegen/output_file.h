// One file that a plugin writes.
#pragma once

#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/io/printer.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <memory>
#include <string>

namespace prism::codegen {

// What is printed is in the file when the object dies. Variables stand between $.
class OutputFile {
 public:
  OutputFile(google::protobuf::compiler::GeneratorContext& context, const std::string& name)
      : stream_(context.Open(name)), printer_(stream_.get(), '$') {}
  google::protobuf::io::Printer& printer() { return printer_; }

 private:
  std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream_;
  google::protobuf::io::Printer printer_;
};

}  // namespace prism::codegen
