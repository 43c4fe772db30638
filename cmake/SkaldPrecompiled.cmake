# One precompiled header for everything in a tree that clang builds: a quarter of what a source costs there. Made with the
# options of skald_flags, so that is what a target has to link; one with the property SKALD_NOT_PRECOMPILED goes without,
# since its options are others or because a header of it has to stand alone.
define_property(TARGET PROPERTY SKALD_NOT_PRECOMPILED BRIEF_DOCS "compiled without the precompiled header")
set(precompiled ${CMAKE_BINARY_DIR}/precompiled.pch)
set(precompiled_header ${CMAKE_CURRENT_LIST_DIR}/precompiled.hpp)
separate_arguments(precompiled_options UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
list(APPEND precompiled_options -std=c++20 -fPIC ${SKALD_SANITIZER_OPTIONS})
add_custom_command(
  OUTPUT ${precompiled} ${precompiled}.sum
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/precompile.sh ${precompiled} ${precompiled_header} ${CMAKE_CXX_COMPILER}
          ${precompiled_options}
  DEPENDS ${precompiled_header} ${CMAKE_CURRENT_LIST_DIR}/precompile.sh
  DEPFILE ${precompiled}.d COMMENT "Precompiling the standard headers" VERBATIM)
add_custom_target(skald_precompiled DEPENDS ${precompiled})
add_dependencies(skald_flags skald_precompiled)
# -fPIC last: programs get -fPIE from CMake, and one header must do for both.
set(wanted $<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<BOOL:$<TARGET_PROPERTY:SKALD_NOT_PRECOMPILED>>>>)
target_compile_options(skald_flags INTERFACE $<${wanted}:-fPIC> "$<${wanted}:SHELL:-include-pch ${precompiled}>")
