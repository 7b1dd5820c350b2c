# The building blocks of every CMakeLists.txt in the tree. CONTRIBUTING.md shows how they are used.
#
#   prism_module(NAME base LAYER 0 SRCS strings.cc DEPS prism::x dep::fmt TESTS strings_test.cc)
#   prism_test(NAME kv_integration SRCS kv_test.cc DEPS prism::gateway [LABELS slow] [TIMEOUT 300] [SINGLE])
#   prism_command_test(NAME readme COMMAND python3 readme_test.py [LABELS ..] [TIMEOUT ..])
#   prism_executable(NAME prism SRCS main.cc DEPS prism::app [INSTALL])
#   prism_benchmark(NAME strings SRCS strings_bench.cc DEPS prism::base)
#   prism_fuzzer(NAME yaml SRCS yaml_fuzzer.cc CORPUS corpus/yaml DEPS prism::namespaces)
#
# Generated headers live below ${PRISM_GENERATED_DIR} and are included as system headers.

set(PRISM_GENERATED_DIR "${PROJECT_BINARY_DIR}/gen")
# Seconds for a test case that names no TIMEOUT of its own; sanitizers and long runs multiply all of them.
set(PRISM_TEST_TIMEOUT 120)
include(test_costs)

# Everything generated from api/: whoever generates headers makes this target depend on it, so that clang-tidy can run
# on a tree that is not built.
add_custom_target(generated)

file(STRINGS "${PROJECT_SOURCE_DIR}/src/layers.txt" prism_layer_lines REGEX "^[a-z]")
foreach(line IN LISTS prism_layer_lines)
  string(REGEX MATCH "^([a-z_]+) +([0-9]+)" matched "${line}")
  list(APPEND PRISM_MODULES "${CMAKE_MATCH_1}")
  set(PRISM_LAYER_${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
endforeach()

# Include directories that all code shares. The root is for conformance/ and tests/; tools/lint/layers.py says who may.
function(prism_common target)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  target_include_directories(${target} SYSTEM PUBLIC "${PRISM_GENERATED_DIR}")
endfunction()

# A static library prism_<NAME> (alias prism::<NAME>) and one test program prism_<NAME>_test out of all TESTS.
# LAYER must agree with src/layers.txt; a nested module (backends_redis) has the layer of its first word.
# GENERATED sources are compiled without our warnings. Without SRCS the module is headers only.
# TEST_DEPS and TEST_TIMEOUT (seconds per test case) concern the test program alone.
function(prism_module)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LAYER;TEST_TIMEOUT" "SRCS;GENERATED;DEPS;TESTS;TEST_DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "prism_module(${arg_NAME}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  string(REGEX MATCH "^[a-z]+" family "${arg_NAME}")
  if(NOT "${PRISM_LAYER_${family}}" STREQUAL "${arg_LAYER}")
    message(FATAL_ERROR "prism_module(${arg_NAME}): LAYER ${arg_LAYER} disagrees with src/layers.txt")
  endif()

  set(target prism_${arg_NAME})
  if(arg_SRCS OR arg_GENERATED)
    add_library(${target} STATIC ${arg_SRCS} ${arg_GENERATED})
    prism_common(${target})
    target_link_libraries(${target} PUBLIC ${arg_DEPS})
    if(arg_SRCS)
      # Warnings per source, so that generated sources of the same module go without.
      get_target_property(warnings prism_warnings INTERFACE_COMPILE_OPTIONS)
      set_property(SOURCE ${arg_SRCS} APPEND PROPERTY COMPILE_OPTIONS ${warnings})
    endif()
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
    target_include_directories(${target} SYSTEM INTERFACE "${PRISM_GENERATED_DIR}")
    target_link_libraries(${target} INTERFACE ${arg_DEPS})
  endif()
  add_library(prism::${arg_NAME} ALIAS ${target})

  if(arg_TESTS)
    prism_test(NAME ${arg_NAME} SRCS ${arg_TESTS} DEPS ${target} ${arg_TEST_DEPS}
      LABELS ${family} TIMEOUT ${arg_TEST_TIMEOUT})
  endif()
endfunction()

function(prism_scaled_timeout variable)
  if(NOT ${variable})
    set(${variable} ${PRISM_TEST_TIMEOUT})
  endif()
  math(EXPR scaled "${${variable}} * ${PRISM_TEST_TIMEOUT_SCALE}")
  set(${variable} ${scaled} PARENT_SCOPE)
endfunction()

# Sets <variable> to what cmake/test_costs.cmake says of the test <name>: 0 when it says nothing.
function(prism_test_cost variable name)
  if(DEFINED PRISM_COST_${name})
    set(${variable} ${PRISM_COST_${name}} PARENT_SCOPE)
  else()
    set(${variable} 0 PARENT_SCOPE)
  endif()
endfunction()

# The target tests_<LABEL> builds all test programs with that label.
function(prism_label_target target)
  foreach(label IN LISTS ARGN)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${target})
  endforeach()
endfunction()

# A GoogleTest program prism_<NAME>_test with GoogleTest's main. Each test case is a ctest test of its own, so they run
# in parallel and in separate processes; SINGLE makes the whole program one test (for costly SetUpTestSuite),
# which a command RUNNER can run.
# Everything has the label given, so `ctest -L engine` runs a module.
function(prism_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "SINGLE" "NAME;TIMEOUT" "SRCS;DEPS;LABELS;ENV;RUNNER")
  if(NOT PRISM_BUILD_TESTS)
    return()
  endif()
  prism_scaled_timeout(arg_TIMEOUT)
  prism_test_cost(cost ${arg_NAME})
  set(target prism_${arg_NAME}_test)
  add_executable(${target} ${arg_SRCS})
  prism_common(${target})
  target_link_libraries(${target} PRIVATE ${arg_DEPS} dep::gtest_main dep::gmock prism_warnings)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  prism_label_target(${target} ${arg_LABELS})
  if(arg_SINGLE)
    add_test(NAME ${arg_NAME} COMMAND ${arg_RUNNER} $<TARGET_FILE:${target}>)
    set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "${arg_ENV}" COST ${cost})
  else()
    list(LENGTH arg_LABELS labels)
    if(labels GREATER 1)
      # CMake 3.25 loses all but the first label on the way through its discovery script.
      message(FATAL_ERROR "prism_test(${arg_NAME}): several LABELS need SINGLE")
    endif()
    gtest_discover_tests(${target} TEST_PREFIX "${arg_NAME}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "${arg_ENV}" COST ${cost})
  endif()
endfunction()

# Any command as a test, e.g. a Python script; targets in COMMAND become their paths.
function(prism_command_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT;WORKING_DIRECTORY" "COMMAND;LABELS;ENV")
  if(NOT PRISM_BUILD_TESTS)
    return()
  endif()
  prism_scaled_timeout(arg_TIMEOUT)
  prism_test_cost(cost ${arg_NAME})
  if(NOT arg_WORKING_DIRECTORY)
    set(arg_WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  endif()
  add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${arg_WORKING_DIRECTORY}")
  set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "${arg_ENV}" COST ${cost})
endfunction()

# A program <NAME>; it lands in the top of the build directory (build/release/prism). INSTALL: ./dev install installs it.
function(prism_executable)
  cmake_parse_arguments(PARSE_ARGV 0 arg "INSTALL" "NAME" "SRCS;DEPS")
  add_executable(${arg_NAME} ${arg_SRCS})
  prism_common(${arg_NAME})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_DEPS} prism_warnings)
  set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  if(arg_INSTALL)
    install(TARGETS ${arg_NAME} RUNTIME)
  endif()
endfunction()

# A Google Benchmark program bin/<NAME>_bench. The target `benchmarks` builds them; `all` does only where tests are
# built too, so that each change keeps them compiling.
function(prism_benchmark)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SRCS;DEPS")
  if(NOT PRISM_BUILD_BENCHMARKS)
    return()
  endif()
  set(target ${arg_NAME}_bench)
  add_executable(${target} ${arg_SRCS})
  if(NOT PRISM_BUILD_TESTS)
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  prism_common(${target})
  target_link_libraries(${target} PRIVATE ${arg_DEPS} dep::benchmark prism_warnings)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  if(NOT TARGET benchmarks)
    add_custom_target(benchmarks)
  endif()
  add_dependencies(benchmarks ${target})
endfunction()

# bin/<NAME>_fuzzer around LLVMFuzzerTestOneInput. In the fuzz preset it is linked with libFuzzer; in every other preset
# a small main replays CORPUS (a directory beside the source), so that past findings stay fixed in each test run.
# COVERS: the parsers it is for, paths below src/. `./dev fuzz` fails when the corpus reaches too few of their lines.
function(prism_fuzzer)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS" "SRCS;DEPS;COVERS")
  if(NOT PRISM_BUILD_FUZZERS AND NOT PRISM_BUILD_TESTS)
    return()
  endif()
  set(target ${arg_NAME}_fuzzer)
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}")
  add_executable(${target} ${arg_SRCS})
  prism_common(${target})
  target_link_libraries(${target} PRIVATE ${arg_DEPS} prism_warnings)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  if(PRISM_BUILD_FUZZERS)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers ${target})
    list(TRANSFORM arg_COVERS PREPEND "${PROJECT_SOURCE_DIR}/src/")
    list(JOIN arg_COVERS " " covers)
    # Read by `./dev fuzz`: one line a fuzzer, program, corpus and the sources that it covers.
    file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/fuzzers/${arg_NAME}"
         CONTENT "$<TARGET_FILE:${target}> ${corpus} ${covers}\n")
  else()
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tools/fuzz/replay_main.cc")
    prism_scaled_timeout(timeout)
    add_test(NAME fuzz_corpus.${arg_NAME} COMMAND ${target} "${corpus}")
    set_tests_properties(fuzz_corpus.${arg_NAME} PROPERTIES TIMEOUT ${timeout} LABELS fuzz)
  endif()
endfunction()
