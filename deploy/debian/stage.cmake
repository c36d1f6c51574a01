# Run by cpack when the components are installed into staging folders, before they are packed: adds what Debian's policy
# asks for. CPACK_TEMPORARY_DIRECTORY has a folder for each component.
cmake_minimum_required(VERSION 3.25)
set(here ${CMAKE_CURRENT_LIST_DIR})
get_filename_component(source ${here}/../.. REALPATH)
set(full_version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})

# The date of the packages: SOURCE_DATE_EPOCH if there is one, so that the same sources give the same packages.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(compress file)
  run(gzip -9 -n -f ${file})
endfunction()

# Everybody may read, the owner may write; what is private is said by install().
file(GLOB_RECURSE everything LIST_DIRECTORIES true ${CPACK_TEMPORARY_DIRECTORY}/*)
foreach(path IN LISTS everything)
  if(IS_DIRECTORY ${path})
    run(chmod 0755 ${path})
  endif()
endforeach()

foreach(component server tools client)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(tree ${CPACK_TEMPORARY_DIRECTORY}/${component})
  if(NOT IS_DIRECTORY ${tree}/usr)
    message(FATAL_ERROR "stage.cmake: the component ${component} was not installed into ${tree}/usr")
  endif()
  set(doc ${tree}/usr/share/doc/${package})

  configure_file(${here}/changelog.in ${doc}/changelog.Debian @ONLY)
  compress(${doc}/changelog.Debian)
  configure_file(${source}/CHANGELOG.md ${doc}/changelog COPYONLY)
  compress(${doc}/changelog)
  configure_file(${here}/copyright ${doc}/copyright COPYONLY)
  if(EXISTS ${here}/${package}.lintian-overrides)
    configure_file(${here}/${package}.lintian-overrides ${tree}/usr/share/lintian/overrides/${package} COPYONLY)
  endif()

  file(GLOB pages ${tree}/usr/share/man/man*/*.[0-9])
  foreach(page IN LISTS pages)
    compress(${page})
  endforeach()
  if(NOT component STREQUAL client AND NOT pages)
    message(FATAL_ERROR "stage.cmake: ${package} has no manual pages: build the target `man` (needs help2man) and install again")
  endif()

  # What is for debuggers alone goes: ten times the rest. A library has to keep its symbols.
  file(GLOB programs ${tree}/usr/bin/*)
  foreach(program IN LISTS programs)
    run(strip --strip-all --remove-section=.comment --remove-section=.note ${program})
  endforeach()
  file(GLOB_RECURSE libraries ${tree}/usr/lib/*.a)
  foreach(library IN LISTS libraries)
    run(strip --strip-debug --remove-section=.comment --remove-section=.note --enable-deterministic-archives ${library})
    run(chmod 0644 ${library})
  endforeach()
endforeach()

# The account of the service is the package's, so systemd need not make one up.
set(unit ${CPACK_TEMPORARY_DIRECTORY}/server/usr/lib/systemd/system/eventstored.service)
file(READ ${unit} text)
string(REPLACE "# An account of its own, made when the service starts. /var/lib/eventstore is its folder, whatever number it has.
DynamicUser=yes
" "# The account that the package eventstore-server has made, and its folder.
" changed "${text}")
if(changed STREQUAL text)
  message(FATAL_ERROR "stage.cmake: deploy/systemd/eventstored.service has no line DynamicUser=yes where it was: correct stage.cmake")
endif()
string(REGEX REPLACE "^# The event store as a service[^\n]*\n(#[^\n]*\n)*" "# The event store as a service, with no more than it needs of the machine. Settings: /etc/eventstore/eventstored.env.
" changed "${changed}")
file(WRITE ${unit} "${changed}")
