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
# Needs clang, and SKALD_SANITIZE beside it. A target made where SKALD_COUNTED is on counts its branches for libFuzzer.
set(SKALD_FUZZ OFF CACHE STRING "the fuzz targets: OFF, ON beside the tests, or ONLY")
define_property(TARGET PROPERTY SKALD_COUNTED BRIEF_DOCS "counts its branches" INITIALIZE_FROM_VARIABLE SKALD_COUNTED)
if(SKALD_FUZZ)
  set(SKALD_COUNTED ON)
endif()

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
  # uninitialised members that are not; the warnings that must not be are those of g++ in the host tree.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
  set(SKALD_SANITIZER_OPTIONS -fno-strict-aliasing -fsanitize=${SKALD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(skald_flags INTERFACE ${SKALD_SANITIZER_OPTIONS}
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> $<$<CXX_COMPILER_ID:Clang>:-w>)
  # -fsanitize=fuzzer-no-link in so many words: by that name it would not go with a precompiled header that tests share.
  set(counted -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table,stack-depth)
  foreach(function bcmp memcmp strncmp strcmp strncasecmp strcasecmp strstr strcasestr memmem)
    list(APPEND counted -fno-builtin-${function})
  endforeach()
  target_compile_options(skald_flags INTERFACE "$<$<BOOL:$<TARGET_PROPERTY:SKALD_COUNTED>>:${counted}>")
  target_link_options(skald_flags INTERFACE -fsanitize=${SKALD_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    if(CCACHE_PROGRAM)
      set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1
          ${CCACHE_PROGRAM})
    endif()
    include(SkaldPrecompiled)
  endif()
endif()

# The contracts: every layer may include them, they include nothing of ours.
add_library(skald_uapi INTERFACE)
target_include_directories(skald_uapi INTERFACE ${PROJECT_SOURCE_DIR}/uapi)
target_link_libraries(skald_uapi INTERFACE skald_flags)
