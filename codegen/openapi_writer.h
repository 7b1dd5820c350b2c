// The contract as an OpenAPI 3.1 document: calls of methods as Connect carries them in JSON, and
// the resource routes.
#pragma once

#include <string>

#include "codegen/reference_writer.h"

namespace prism::codegen {

// The document as JSON text; equal contracts give equal bytes.
std::string OpenApiDocument(const FileList& files);

}  // namespace prism::codegen
