//! Which names accounts cannot have.

/// Accounts and groups of Debian's base system and of the packages in the images, and the login users of common cloud
/// images.
const RESERVED: &[&str] = &[
    "_apt",
    "adm",
    "admin",
    "audio",
    "backup",
    "bin",
    "cdrom",
    "cloud-user",
    "crontab",
    "daemon",
    "debian",
    "dhcpcd",
    "dialout",
    "dip",
    "disk",
    "docker",
    "fax",
    "floppy",
    "games",
    "gnats",
    "imagegen",
    "input",
    "irc",
    "jupyterhub",
    "kmem",
    "kvm",
    "list",
    "lp",
    "mail",
    "man",
    "messagebus",
    "netdev",
    "news",
    "nobody",
    "nogroup",
    "ntp",
    "operator",
    "plugdev",
    "polkitd",
    "postfix",
    "proxy",
    "render",
    "root",
    "sasl",
    "sgx",
    "shadow",
    "src",
    "sshd",
    "staff",
    "statd",
    "sudo",
    "sync",
    "sys",
    "syslog",
    "tape",
    "tcpdump",
    "tss",
    "tty",
    "ubuntu",
    "users",
    "utmp",
    "uucp",
    "uuidd",
    "video",
    "voice",
    "wheel",
    "www-data",
];

/// Whether the system has, or may get, an account or a group of this name.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("systemd-")
}

/// What useradd(8) accepts on Debian without being forced: up to 32 characters, a letter first. A leading underscore is
/// left to system accounts.
pub(super) fn is_possible(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

/// What can be a label of a host name.
pub(super) fn is_workshop_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
