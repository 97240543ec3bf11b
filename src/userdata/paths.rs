//! Paths inside an instance.

/// Where the scripts are.
pub const LIBRARY: &str = "/usr/local/lib/imagegen";
/// Where the scripts are that a golden image has of its own.
pub const IMAGE_LIBRARY: &str = "/usr/lib/imagegen";
/// Settings, the UID table, certificates.
pub const SETTINGS: &str = "/etc/imagegen";
/// The UID table.
pub const USERS: &str = "/etc/imagegen/users";
/// systemd's folder for units that no package brought.
pub const UNITS: &str = "/etc/systemd/system";
/// Docker's options.
pub const DOCKER_OPTIONS: &str = "/etc/docker/daemon.json";
/// The home of the administrator who logs in by SSH: outside of `/home`, which autofs covers on nodes.
pub const ADMIN_HOME: &str = "/var/lib/imagegen-admin";
/// Where a node notes how many seconds after the start of its kernel it had joined.
pub const JOINED: &str = "/run/imagegen/joined";
