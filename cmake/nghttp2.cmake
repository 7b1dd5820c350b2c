# nghttp2, built here from its released source so that it takes part in link-time optimization: half of what a small
# request costs is spent in it (docs/adr/0046). The archive is the crate that carries the upstream release unchanged:
# its registry keeps every version for ever. Downloaded once into .cache/, retried, checked by its hash.

include(FetchContent)

set(PRISM_NGHTTP2_VERSION 1.64.0)
FetchContent_Declare(nghttp2
  URL "https://static.crates.io/crates/libnghttp2-sys/libnghttp2-sys-0.1.11+${PRISM_NGHTTP2_VERSION}.crate"
  URL_HASH SHA256=1b6c24e48a7167cffa7119da39d577fa482e66c688a4aac016bee862e1a713c4
  DOWNLOAD_NAME "nghttp2-${PRISM_NGHTTP2_VERSION}.tar.gz"
  DOWNLOAD_DIR "${PROJECT_SOURCE_DIR}/.cache/downloads"
  DOWNLOAD_EXTRACT_TIMESTAMP ON)
FetchContent_MakeAvailable(nghttp2)

set(source "${nghttp2_SOURCE_DIR}/nghttp2/lib")
set(PACKAGE_VERSION ${PRISM_NGHTTP2_VERSION})
set(PACKAGE_VERSION_NUM 0x014000)
configure_file("${source}/includes/nghttp2/nghttp2ver.h.in" "${PROJECT_BINARY_DIR}/nghttp2/nghttp2/nghttp2ver.h" @ONLY)

file(GLOB sources "${source}/*.c")
# Ours, which knows the library's insides.
list(APPEND sources "${PROJECT_SOURCE_DIR}/src/rpc/http/nghttp2_idle.c")
add_library(nghttp2 STATIC ${sources})
target_include_directories(nghttp2 SYSTEM PUBLIC "${source}/includes" "${PROJECT_BINARY_DIR}/nghttp2")
target_include_directories(nghttp2 PRIVATE "${source}" "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(nghttp2
  PUBLIC NGHTTP2_STATICLIB
  PRIVATE BUILDING_NGHTTP2 HAVE_ARPA_INET_H HAVE_NETINET_IN_H HAVE_TIME_H HAVE_CLOCK_GETTIME HAVE_DECL_CLOCK_MONOTONIC=1)
target_compile_options(nghttp2 PRIVATE -w)
