//! Paths inside an instance.

/// The programs of golden images, a Python package.
pub const LIBRARY: &str = "/usr/lib/imagegen";
/// Where an ordinary image's Python finds the package.
pub const STOCK_PACKAGE: &str = "/usr/lib/python3/dist-packages/imagegen";
/// Settings, the UID table, certificates, the join script.
pub const SETTINGS: &str = "/etc/imagegen";
/// The UID table.
pub const USERS: &str = "/etc/imagegen/users";
/// What a node runs to join the hub.
pub const JOIN_SCRIPT: &str = "/etc/imagegen/join.py";
/// What an ordinary image is given of a golden one, until it is unpacked.
pub const STOCK_ARCHIVE: &str = "/run/imagegen-stock";
/// systemd's directory for units that no package brought.
pub const UNITS: &str = "/etc/systemd/system";
/// Docker's options.
pub const DOCKER_OPTIONS: &str = "/etc/docker/daemon.json";
/// The firewall around notebooks, as the machine has made it of its settings.
pub const FIREWALL: &str = "/run/imagegen/firewall.nft";
/// Where a hub has a file for each address that has shown the workshop's key.
pub const ENROLLED: &str = "/run/imagegen-rendezvous/enrolled";
/// The kernel's modules that nobody on a golden machine gets loaded.
pub const MODULES: &str = "/etc/modprobe.d/imagegen.conf";
/// The home of the administrator who logs in by SSH: outside of `/home`, which autofs covers on nodes.
pub const ADMIN_HOME: &str = "/var/lib/imagegen-admin";
/// What cloud-init writes when it has done everything.
pub const CLOUD_INIT_RESULT: &str = "/run/cloud-init/result.json";
/// Where a node notes how many seconds after the start of its kernel it had joined.
pub const JOINED: &str = "/run/imagegen/joined";
