# Debian packages by CPack, one for each component of the installation: run by tools/setup/package.sh, which brings the version
# of the packages and their date. `cpack` in the build folder works too, with a version that says the release alone.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME eventstore)
set(CPACK_PACKAGE_VENDOR "")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each component has its own
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_COMPONENTS_ALL server tools client)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
# As a distribution does it: into a staging folder with the prefix as it will be, so that what names the prefix is right.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF) # stage.cmake strips, libraries too
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/deploy/debian/stage.cmake)

set(EVENTSTORE_PACKAGE_MAINTAINER "eventstore maintainers <maintainers@eventstore.invalid>" CACHE STRING
    "Who answers for the packages: NAME <MAIL>")
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${EVENTSTORE_PACKAGE_MAINTAINER})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(scripts ${PROJECT_SOURCE_DIR}/deploy/debian)
set(CPACK_DEBIAN_SERVER_PACKAGE_NAME eventstore-server)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION database)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_SERVER_PACKAGE_SUGGESTS "eventstore-tools, postgresql-17-timescaledb | postgresql (>= 15)")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA ${scripts}/conffiles ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
set(CPACK_DEBIAN_SERVER_DESCRIPTION "event store over gRPC, on PostgreSQL - server
Services append version-checked events, replay aggregates, follow users and
workflows, and count, all exactly. One order over everything, retries that
are safe, subscriptions and consumer groups.
.
The database is a PostgreSQL of yours, with TimescaleDB or without, or a
private one that the server runs by itself. The service is installed, but
started only when its administrator says so.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME eventstore-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION database)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "eventstore-server")
set(CPACK_DEBIAN_TOOLS_DESCRIPTION "event store over gRPC, on PostgreSQL - command-line tools
eventctl appends, replays, follows and counts events, looks after consumer
groups, partitions, archives and backups, and moves an old table of events in
while its writers go on. eventbench puts load on a store, measures it, and
reads back what it wrote.")

set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME libeventstore-client-dev)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION libdevel)
# The libraries are static: what they use is linked by whoever uses them.
set(CPACK_DEBIAN_CLIENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_CLIENT_PACKAGE_DEPENDS "libgrpc++-dev, libprotobuf-dev, libabsl-dev")
set(CPACK_DEBIAN_CLIENT_PACKAGE_SUGGESTS "libpqxx-dev, cmake, pkg-config")
set(CPACK_DEBIAN_CLIENT_DESCRIPTION "event store over gRPC, on PostgreSQL - C++ client library
Appends with deadlines, safe retries and conflicts as a type; read, decide
and append in one loop; subscribers and consumer groups that go on after a
lost connection; read models that apply each event once.
.
Static libraries, headers, CMake and pkg-config files, and the protos, from
which clients in other languages are made.")
include(CPack)
