# Compiler settings that hold for all of our own code; generated code is exempt from the warnings.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
# mold links the larger binaries in a tenth of the time; the result is the same.
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_library(eventstore_warnings INTERFACE)
target_compile_options(eventstore_warnings INTERFACE -Wall -Wextra -Wshadow -Wpedantic -Werror)
# GCC 12's own headers call what they deprecate (std::stable_sort: get_temporary_buffer); GCC keeps quiet about its headers.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(eventstore_warnings INTERFACE -Wno-error=deprecated-declarations)
endif()

if(EVENTSTORE_SANITIZE)
  add_compile_options(-fsanitize=${EVENTSTORE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${EVENTSTORE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options(-fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/tests/ubsan.ignore)
  endif()
  if(EVENTSTORE_SANITIZE STREQUAL "thread")
    # An inline function of a header is compiled into our programs, watched, and would stand in for the one of a library
    # that is not watched: what that library then does under its own locks looked like a race.
    add_link_options(-Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/hide_symbols.map)
  endif()
endif()

# add_subdirectory() for each folder that is there, so that a part can be left out of a checkout.
function(eventstore_add_parts)
  foreach(part IN LISTS ARGN)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${part}/CMakeLists.txt)
      add_subdirectory(${part})
    endif()
  endforeach()
endfunction()
