# From .proto files to C++ in the build.
#
#   prism_generate(sources ROOT <dir> PROTOS a/v1/a.proto ... [LIST contract/all_interfaces])
#   prism_proto_library(NAME toy_proto ROOT <dir> PROTOS toy/v1/toy.proto ... [DEPS prism::contract])
#
# All files go through one run of protoc, with --cpp_out and our plugin, into ${PRISM_GENERATED_DIR} under their paths
# relative to ROOT; they may import each other and everything in api/.

set(PRISM_API_DIR "${PROJECT_SOURCE_DIR}/api")

# Sanitized tools would write coverage profiles into the current directory.
set(PRISM_PROTOC "${CMAKE_COMMAND}" -E env LLVM_PROFILE_FILE=/dev/null $<TARGET_FILE:protobuf::protoc>)

# Sets <variable> to the generated sources. LIST also writes the list of all interfaces under that path.
function(prism_generate variable)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "ROOT;LIST" "PROTOS")
  set(sources)
  set(headers)
  set(inputs)
  foreach(proto IN LISTS arg_PROTOS)
    set(input "${arg_ROOT}/${proto}")
    list(APPEND inputs "${input}")
    string(REGEX REPLACE "\\.proto$" "" base "${PRISM_GENERATED_DIR}/${proto}")
    list(APPEND sources "${base}.pb.cc")
    list(APPEND headers "${base}.pb.h")
    # Which outputs there are depends on the content.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${input}")
    file(STRINGS "${input}" services REGEX "^service ")
    if(services)
      list(APPEND sources "${base}.prism.cc")
      list(APPEND headers "${base}.prism.h")
    endif()
  endforeach()
  set(options)
  if(arg_LIST)
    list(APPEND sources "${PRISM_GENERATED_DIR}/${arg_LIST}.cc")
    list(APPEND headers "${PRISM_GENERATED_DIR}/${arg_LIST}.h")
    set(options "--prism_opt=list=${arg_LIST}")
  endif()
  set(paths "-I${arg_ROOT}")
  if(NOT arg_ROOT STREQUAL PRISM_API_DIR)
    list(APPEND paths "-I${PRISM_API_DIR}")
  endif()
  file(MAKE_DIRECTORY "${PRISM_GENERATED_DIR}")
  add_custom_command(
    OUTPUT ${sources} ${headers}
    COMMAND ${PRISM_PROTOC} ${paths}
      "--plugin=protoc-gen-prism=$<TARGET_FILE:protoc-gen-prism>"
      "--cpp_out=${PRISM_GENERATED_DIR}" "--prism_out=${PRISM_GENERATED_DIR}" ${options} ${inputs}
    DEPENDS ${inputs} protoc-gen-prism
    COMMENT "Generating C++ from ${arg_ROOT}"
    VERBATIM)
  list(GET headers 0 first)
  prism_generated_headers("${first}" ${headers})
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# Makes the target `generated` bring these headers up to date. NAME is any path that tells the sets apart.
function(prism_generated_headers name)
  file(RELATIVE_PATH name "${PRISM_GENERATED_DIR}" "${name}")
  string(MAKE_C_IDENTIFIER "generated_${name}" target)
  add_custom_target(${target} DEPENDS ${ARGN})
  add_dependencies(generated ${target})
endfunction()

# A static library prism_<NAME> (alias prism::<NAME>) of generated code alone, compiled without our warnings.
function(prism_proto_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;ROOT" "PROTOS;DEPS")
  if(NOT arg_ROOT)
    set(arg_ROOT "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  prism_generate(sources ROOT "${arg_ROOT}" PROTOS ${arg_PROTOS})
  add_library(prism_${arg_NAME} STATIC ${sources})
  prism_common(prism_${arg_NAME})
  target_link_libraries(prism_${arg_NAME} PUBLIC ${arg_DEPS} dep::protobuf)
  add_library(prism::${arg_NAME} ALIAS prism_${arg_NAME})
endfunction()
