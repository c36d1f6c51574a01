# Run by `cmake --install`: the systemd unit and the file of its settings, for this prefix.
# Given: source, scratch, bin, CMAKE_INSTALL_PREFIX.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(sysconf /etc)
else()
  set(sysconf ${CMAKE_INSTALL_PREFIX}/etc)
endif()

file(READ ${source}/systemd/eventstored.service unit)
string(REPLACE /usr/local/bin ${bin} unit "${unit}")
string(REPLACE /etc/eventstore ${sysconf}/eventstore unit "${unit}")
file(WRITE ${scratch}/eventstored.service "${unit}")
file(INSTALL ${scratch}/eventstored.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)

# Settings that are there are somebody's.
if(EXISTS $ENV{DESTDIR}${sysconf}/eventstore/eventstored.env)
  message(STATUS "Kept: $ENV{DESTDIR}${sysconf}/eventstore/eventstored.env")
else()
  file(INSTALL ${source}/etc/eventstored.env DESTINATION ${sysconf}/eventstore PERMISSIONS OWNER_READ OWNER_WRITE)
endif()
