# How g++ compiles unit tests, for folders that are added behind this: not optimised, since what takes long in them is the
# product's code, and with the standard headers precompiled: two thirds of what a test costs. g++ 12 warns of code that is
# right (array-bounds) where it optimises behind such a header. clang has a header for everything (SkaldPrecompiled.cmake). A
# target with the property SKALD_NOT_PRECOMPILED goes without.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O0 -g1")
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1
      ${CCACHE_PROGRAM})
endif()

set(precompiled ${CMAKE_CURRENT_BINARY_DIR}/precompiled.hpp)
set(precompiled_header ${CMAKE_CURRENT_LIST_DIR}/precompiled.hpp)
file(TOUCH ${precompiled})  # empty: what clang-tidy, which cannot read g++'s, has instead
# g++ takes it only where these are the same: those of the libraries in it, of which a target may use one alone.
set(precompiled_definitions FMT_SHARED GTEST_HAS_PTHREAD=1)
list(TRANSFORM precompiled_definitions PREPEND -D OUTPUT_VARIABLE precompiled_options)
separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
list(PREPEND precompiled_options ${flags} -std=c++20 -fPIC -fno-strict-aliasing)
add_custom_command(
  OUTPUT ${precompiled}.gch ${precompiled}.gch.sum
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/precompile.sh ${precompiled}.gch ${precompiled_header} ${CMAKE_CXX_COMPILER}
          ${precompiled_options}
  DEPENDS ${precompiled_header} ${CMAKE_CURRENT_LIST_DIR}/precompile.sh
  DEPFILE ${precompiled}.gch.d COMMENT "Precompiling the standard headers for tests" VERBATIM)
add_custom_target(skald_tests_precompiled DEPENDS ${precompiled}.gch)

add_library(skald_test_flags INTERFACE)
add_dependencies(skald_test_flags skald_tests_precompiled)
set(wanted $<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<BOOL:$<TARGET_PROPERTY:SKALD_NOT_PRECOMPILED>>>>)
target_compile_definitions(skald_test_flags INTERFACE "$<${wanted}:${precompiled_definitions}>")
# -fPIC last, as one header must do for libraries and programs. One that does not fit is said, not passed over.
target_compile_options(skald_test_flags INTERFACE $<${wanted}:-fPIC> $<${wanted}:-Winvalid-pch>
                       "$<${wanted}:SHELL:-include ${precompiled}>")
link_libraries(skald_test_flags)
