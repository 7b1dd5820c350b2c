// The contract as an OpenAPI 3.1 document: calls of methods as Connect carries them in JSON, and
// the resource routes.
#pragma once

#include <cstdint>
#include <string>

#include "codegen/reference_writer.h"

namespace prism::codegen {

// Which of the two ports a document is about.
enum class Port : std::uint8_t { kData, kAdmin };

// The document as JSON text, of the files that belong to the port; equal contracts give equal
// bytes.
std::string OpenApiDocument(const FileList& files, Port port);

}  // namespace prism::codegen
