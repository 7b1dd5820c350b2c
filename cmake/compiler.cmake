# Which compilers are accepted, and the flags that all of our code gets.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} silently miscompiles C++ coroutines (temporaries in a full expression "
    "with co_await are destroyed twice), so Prism would corrupt its memory at run time. "
    "Configure with a preset, which uses clang-19: cmake --preset dev")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} is too old: Prism needs clang 19 or newer (./dev deps installs it)")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# -g1 keeps line tables for backtraces and profiles at a fraction of the link time of full debug information.
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_RELEASE
  "-O2 -g1 -fno-omit-frame-pointer -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong")
# The C of third parties gets the same.
set(CMAKE_C_FLAGS_DEV "${CMAKE_CXX_FLAGS_DEV}")
set(CMAKE_C_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
mark_as_advanced(CMAKE_CXX_FLAGS_DEV CMAKE_C_FLAGS_DEV)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # With paths from here, so that one checkout finds what another has compiled.
  set(PRISM_CCACHE "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${CCACHE_PROGRAM}")
  set(CMAKE_C_COMPILER_LAUNCHER ${PRISM_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PRISM_CCACHE})
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=lld)
endif()
add_link_options(-Wl,--as-needed -Wl,-z,relro,-z,now)

if(PRISM_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON) # clang: ThinLTO
  add_link_options("-Wl,--thinlto-cache-dir=${PROJECT_BINARY_DIR}/thinlto-cache")
endif()

if(PRISM_SANITIZER)
  # vptr opens a pipe to look at memory, so it reports errors of its own making in tests that run out of descriptors;
  # AddressSanitizer sees the real ones.
  add_compile_options("-fsanitize=${PRISM_SANITIZER}" -fno-sanitize-recover=all -fno-sanitize=vptr)
  add_link_options("-fsanitize=${PRISM_SANITIZER}")
  add_compile_definitions(PRISM_SANITIZED=1)
endif()
if(PRISM_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()

# Linked privately by everything that is written by hand; generated code goes without.
add_library(prism_warnings INTERFACE)
target_compile_options(prism_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
  -Wimplicit-fallthrough -Werror)
