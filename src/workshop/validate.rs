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
    "caddy",
    "cdrom",
    "clock",
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
    "imagegen-admin",
    "imagegen-materials",
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

/// What can be an account: up to 32 characters, as `utmp(5)` and Debian's tools have it. Dots and a leading digit are what
/// universities give out; a name of digits alone would be taken for a UID, and a leading hyphen for an option.
pub(super) fn is_possible(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
        && !name.ends_with('.')
        && !name.chars().all(|c| c.is_ascii_digit())
}

/// A reference to a container image: lower-case path, tag or digest (the grammar of distribution/reference, less its
/// corners).
pub(super) fn is_image(text: &str) -> bool {
    let name = text.split(['@']).next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c))
}

/// An absolute path of plain characters, which needs no quoting in units, autofs maps and exports.
pub(super) fn is_plain_path(text: &str) -> bool {
    text.len() > 1
        && text.starts_with('/')
        && !text.ends_with('/')
        && text.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+@".contains(c))
}

/// A fully qualified or short host name (RFC 1123).
pub(super) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253
        && text.split('.').all(is_label)
        && !text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Ends of names that are nobody's on the internet, and for which no public authority gives a certificate: what RFC 2606,
/// 6761, 6762, 7686, 8375 and ICANN keep for other uses, and what home routers and companies took.
const PRIVATE_ENDS: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "domain",
    "example",
    "home",
    "intern",
    "internal",
    "intra",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "novalocal",
    "onion",
    "openstacklocal",
    "private",
    "test",
    "workgroup",
];

/// Whether no public authority gives a certificate for a domain.
pub(super) fn is_private_domain(domain: &str) -> bool {
    let end = domain.rsplit('.').next().unwrap_or_default();
    PRIVATE_ENDS.contains(&end) || end.chars().any(|c| c.is_ascii_digit()) && !end.starts_with("xn--")
}

/// A UUID as OpenStack writes it.
pub(super) fn is_uuid(text: &str) -> bool {
    let is_hex = |part: &str| part.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| is_hex(part))
}

/// What can be a label of a host name.
pub(super) fn is_workshop_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
