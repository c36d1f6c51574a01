"""What is linked of the system: for WORKSPACE (Bazel 4) and for MODULE.bazel (newer ones)."""

# The library of @system: the modules that pkg-config is asked for.
MODULES = {
    "absl": [
        "absl_cord",
        "absl_hash",
        "absl_raw_hash_set",
        "absl_status",
        "absl_statusor",
        "absl_synchronization",
    ],
    "fmt": ["fmt"],
    "gmock": ["gmock"],
    "gmock_main": ["gmock_main"],
    "grpc": [
        "grpc++",
        "protobuf",
    ],
    "httplib": ["cpp-httplib"],
    "jansson": ["jansson"],
    "jemalloc": ["jemalloc"],
    "openssl": ["openssl"],
    "pq": ["libpq"],
    "pqxx": ["libpqxx"],
    "prometheus": ["prometheus-cpp-core"],
    "rhonabwy": ["librhonabwy"],
    "spdlog": ["spdlog"],
    "zstd": ["libzstd"],
}

# Those that pkg-config does not know.
PLAIN = {
    "grpc_reflection": ["-lgrpc++_reflection"],
    "rapidcheck": ["-lrapidcheck"],
}
