# The flags every host target shares. Link `skald_flags` (usage requirement only) to get them.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Programs for users; the top Makefile points it to build/bin, which is also the guest's.
set(SKALD_BIN_DIR ${CMAKE_BINARY_DIR}/bin CACHE PATH "where host programs land")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${SKALD_BIN_DIR})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

# SKALD_SANITIZE=address,undefined or thread
set(SKALD_SANITIZE "" CACHE STRING "sanitizers for every host target, as for -fsanitize=")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(skald_flags INTERFACE)
target_compile_options(skald_flags INTERFACE -Wall -Wextra -Werror -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                       -fno-strict-aliasing)
if(SKALD_SANITIZE)
  # -O1: checks make code so long that optimising it takes longer than running it. Instrumented standard headers make g++ see
  # uninitialised members that are not.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
  target_compile_options(skald_flags INTERFACE -fsanitize=${SKALD_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(skald_flags INTERFACE -fsanitize=${SKALD_SANITIZE})
endif()

# Everything counts its branches for libFuzzer, which tests/fuzz links; needs clang, and SKALD_SANITIZE beside it. The warnings
# that must not be are those of g++, which everything else is built with.
option(SKALD_FUZZ "the fuzz targets instead of the tests" OFF)
if(SKALD_FUZZ)
  target_compile_options(skald_flags INTERFACE -fsanitize=fuzzer-no-link -w)
endif()

# The contracts: every layer may include them, they include nothing of ours.
add_library(skald_uapi INTERFACE)
target_include_directories(skald_uapi INTERFACE ${PROJECT_SOURCE_DIR}/uapi)
target_link_libraries(skald_uapi INTERFACE skald_flags)
