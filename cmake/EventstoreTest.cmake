# eventstore_test(NAME <name> SOURCES <file>... [LIBS <target>...] [TIMEOUT <seconds>] [DATABASE] [ENGINES|NATIVE] [SERIAL])
#
# One test program, one ctest entry of the same name, one result file test-results/<name>.xml, which
# tools/setup/run-tests.sh sums up. DATABASE: the program starts a PostgreSQL of its own (tests/support/test_cluster.h).
# ENGINES: it is run once more for the engine native, as <name>_native (tests/support/test_engine.h), without its cases
# that are called Timescaledb...: those are about the extension itself. NATIVE: for that
# engine alone.
# SERIAL: nothing else runs beside it. The time limit is there to end what hangs, never to judge speed, so it leaves room
# for a machine that does much else.
set(EVENTSTORE_TEST_RESULTS ${CMAKE_BINARY_DIR}/test-results)
# ctest alone, in a fresh build, needs it as well as run-tests.sh does.
file(MAKE_DIRECTORY ${EVENTSTORE_TEST_RESULTS})

# Sanitizers make a program several times slower, and its time limits that much longer.
set(EVENTSTORE_TIMEOUT_FACTOR 1)
if(EVENTSTORE_SANITIZE)
  set(EVENTSTORE_TIMEOUT_FACTOR 3)
endif()

function(eventstore_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "DATABASE;ENGINES;NATIVE;SERIAL" "NAME;TIMEOUT" "SOURCES;LIBS")
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "eventstore_test: needs NAME and SOURCES; not understood: \"${arg_UNPARSED_ARGUMENTS}\"")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 1200)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test-bin)
  target_include_directories(${arg_NAME} PRIVATE ${CMAKE_SOURCE_DIR})
  if(arg_DATABASE)
    target_link_libraries(${arg_NAME} PRIVATE es_test_database_main)
  else()
    target_link_libraries(${arg_NAME} PRIVATE GTest::gmock_main)
  endif()
  target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBS} GTest::gmock eventstore_warnings)
  math(EXPR timeout "${arg_TIMEOUT} * ${EVENTSTORE_TIMEOUT_FACTOR}")
  set(engines timescaledb)
  if(arg_NATIVE)
    set(engines native)
  elseif(arg_ENGINES)
    list(APPEND engines native)
  endif()
  foreach(engine ${engines})
    set(name ${arg_NAME})
    set(filter "")
    if(arg_ENGINES AND engine STREQUAL native)
      set(name ${arg_NAME}_native)
      set(filter --gtest_filter=-Timescaledb*)
    endif()
    add_test(NAME ${name} COMMAND ${arg_NAME} --gtest_output=xml:${EVENTSTORE_TEST_RESULTS}/${name}.xml
                                  ${filter})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} RUN_SERIAL ${arg_SERIAL}
                                            ENVIRONMENT EVENTSTORE_TEST_ENGINE=${engine})
  endforeach()
endfunction()

# eventstore_script_test(NAME <name> COMMAND <program> <argument>... [TIMEOUT <seconds>])
#
# A program that is no gtest, as a suite of one test: exit code 0 passes, 77 skips (the last line it printed is the
# reason), anything else fails.
function(eventstore_script_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "COMMAND")
  if(NOT arg_NAME OR NOT arg_COMMAND OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "eventstore_script_test: needs NAME and COMMAND; not understood: \"${arg_UNPARSED_ARGUMENTS}\"")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 1200)
  endif()
  add_test(NAME ${arg_NAME}
           COMMAND ${CMAKE_SOURCE_DIR}/tests/support/run_as_test.py ${arg_NAME}
                   ${EVENTSTORE_TEST_RESULTS}/${arg_NAME}.xml ${arg_COMMAND})
  set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()
