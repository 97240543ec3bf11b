//! Paths inside an instance.

/// Where the scripts are.
pub const LIBRARY: &str = "/usr/local/lib/imagegen";
/// Settings, the UID table, certificates.
pub const SETTINGS: &str = "/etc/imagegen";
/// systemd's folder for units that no package brought.
pub const UNITS: &str = "/etc/systemd/system";
/// Docker's options.
pub const DOCKER_OPTIONS: &str = "/etc/docker/daemon.json";
/// Where a node notes how many seconds after the start of its kernel it had joined.
pub const JOINED: &str = "/run/imagegen/joined";
