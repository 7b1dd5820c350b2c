# Every third-party library as one target dep::<name> with system includes, so that a module names what it needs
# without knowing how it is found. All come from Debian 12 packages (see tools/dev/deps.sh).

find_package(Threads REQUIRED)

function(prism_dep name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;INCLUDES;OPTIONS")
  add_library(dep_${name} INTERFACE)
  add_library(dep::${name} ALIAS dep_${name})
  target_link_libraries(dep_${name} INTERFACE ${arg_LIBS})
  target_include_directories(dep_${name} SYSTEM INTERFACE ${arg_INCLUDES})
  target_link_options(dep_${name} INTERFACE ${arg_OPTIONS})
endfunction()

function(prism_find_library variable)
  find_library(${variable} NAMES ${ARGN})
  if(NOT ${variable})
    message(FATAL_ERROR "Library ${ARGN} not found: run ./dev deps")
  endif()
endfunction()

prism_dep(threads LIBS Threads::Threads)

find_package(Protobuf 3.21 REQUIRED)
prism_dep(protobuf LIBS protobuf::libprotobuf)
prism_dep(protoc LIBS protobuf::libprotoc protobuf::libprotobuf)

# Its symbols are kept to ourselves: libcurl brings a shared copy into the same process.
include(nghttp2)
prism_dep(nghttp2 LIBS nghttp2 OPTIONS "-Wl,--exclude-libs,libnghttp2.a")

# Replaces malloc in the whole program; sanitizers bring their own. Nothing refers to it by name, hence no-as-needed.
add_library(dep_allocator INTERFACE)
add_library(dep::allocator ALIAS dep_allocator)
if(NOT PRISM_SANITIZER AND NOT PRISM_BUILD_FUZZERS)
  prism_find_library(PRISM_MIMALLOC mimalloc)
  target_link_options(dep_allocator INTERFACE
    "-Wl,--push-state,--no-as-needed" "${PRISM_MIMALLOC}" "-Wl,--pop-state")
endif()

prism_find_library(PRISM_SQLITE3 sqlite3)
prism_dep(sqlite3 LIBS "${PRISM_SQLITE3}")

find_package(yaml-cpp REQUIRED CONFIG)
prism_dep(yaml-cpp LIBS yaml-cpp)

find_package(nlohmann_json 3.11 REQUIRED CONFIG)
prism_dep(nlohmann_json LIBS nlohmann_json::nlohmann_json)

find_package(CLI11 REQUIRED CONFIG)
prism_dep(CLI11 LIBS CLI11::CLI11)

find_package(fmt 9 REQUIRED CONFIG)
prism_dep(fmt LIBS fmt::fmt)

find_package(spdlog REQUIRED CONFIG)
prism_dep(spdlog LIBS spdlog::spdlog)

find_package(OpenSSL 3 REQUIRED)
prism_dep(openssl LIBS OpenSSL::SSL OpenSSL::Crypto)

prism_find_library(PRISM_LIBIDN idn)
prism_dep(libidn LIBS "${PRISM_LIBIDN}")

prism_find_library(PRISM_LIBPQ pq)
prism_dep(libpq LIBS "${PRISM_LIBPQ}" INCLUDES /usr/include/postgresql)

# Its reader alone: sockets, TLS and waiting are ours.
prism_find_library(PRISM_HIREDIS hiredis)
prism_dep(hiredis LIBS "${PRISM_HIREDIS}")

find_package(ZLIB REQUIRED)
prism_dep(zlib LIBS ZLIB::ZLIB)

find_package(absl REQUIRED CONFIG)
prism_dep(absl_btree LIBS absl::btree)

if(PRISM_BUILD_TESTS)
  find_package(GTest REQUIRED CONFIG)
  include(GoogleTest)
  prism_dep(gtest LIBS GTest::gtest)
  prism_dep(gtest_main LIBS GTest::gtest_main)
  prism_dep(gmock LIBS GTest::gmock)
endif()

if(PRISM_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED CONFIG)
  prism_dep(benchmark LIBS benchmark::benchmark benchmark::benchmark_main)
endif()
