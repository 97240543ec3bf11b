//! What must not be in a golden image, and where it stands.

use serde::Serialize;

/// What is wrong with something that must not be in a golden image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// All instances would share what each must get for itself.
    Identity,
    /// Everybody with the image would have it too.
    Secret,
    /// It changes how instances behave, and was meant for the build alone.
    Leftover,
    /// It tells of the build, and does nothing but take room.
    Trace,
}

/// One thing that must not be in a golden image, and where it stands.
#[derive(Debug)]
pub struct HygieneRule {
    /// What kind of fault it is.
    pub class: Class,
    /// What it is, in a few words with an article.
    pub what: &'static str,
    pub(super) places: &'static [PathPattern],
}

/// Where something stands; paths are without a leading slash.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PathPattern {
    /// A file, or a folder with all that is in it.
    At(&'static str),
    /// All that is in a folder, which stays.
    In(&'static str),
    /// What is in a folder or below it, by the beginning and the end of its path in there, with all that is in it.
    Like(&'static str, &'static str, &'static str),
    /// The same in every home.
    Home(&'static str),
    /// What has this name, wherever it is, with all that is in it.
    Named(&'static str),
}

use PathPattern::{At, Home, In, Like, Named};

pub(super) const RULES: &[HygieneRule] = &[
    HygieneRule {
        class: Class::Identity,
        what: "an SSH host key",
        places: &[Like("etc/ssh", "ssh_host_", "")],
    },
    HygieneRule {
        class: Class::Identity,
        what: "the name of one machine",
        places: &[At("etc/hostname"), At("etc/mailname")],
    },
    HygieneRule {
        class: Class::Identity,
        what: "an id of one machine",
        places: &[
            At("etc/iscsi/initiatorname.iscsi"),
            In("etc/lvm/devices"),
            At("etc/multipath/bindings"),
            At("etc/multipath/wwids"),
            At("etc/nvme/hostid"),
            At("etc/nvme/hostnqn"),
            At("var/lib/dbus/machine-id"),
        ],
    },
    HygieneRule {
        class: Class::Identity,
        what: "a seed or a key that systemd makes for one machine",
        places: &[
            At("boot/efi/loader/random-seed"),
            At("var/lib/systemd/credential.secret"),
            At("var/lib/systemd/random-seed"),
        ],
    },
    HygieneRule {
        class: Class::Identity,
        what: "state of a Docker that has run",
        places: &[At("etc/docker/key.json"), In("var/lib/docker")],
    },
    HygieneRule {
        class: Class::Identity,
        what: "state of a containerd that has run",
        places: &[In("var/lib/containerd")],
    },
    HygieneRule {
        class: Class::Identity,
        what: "cloud-init's state of one instance",
        places: &[In("var/lib/cloud")],
    },
    HygieneRule {
        class: Class::Identity,
        what: "network settings of one machine",
        places: &[
            Like("etc/netplan", "50-cloud-init", ".yaml"),
            Like("etc/network/interfaces.d", "50-cloud-init", ""),
            Like("etc/NetworkManager/system-connections", "cloud-init-", ""),
            Like("etc/systemd/network", "10-cloud-init-", ".network"),
            At("etc/udev/rules.d/70-persistent-net.rules"),
        ],
    },
    HygieneRule {
        class: Class::Identity,
        what: "a DHCP lease of one machine",
        places: &[
            In("var/lib/NetworkManager"),
            Like("var/lib/dhcp", "", ".lease"),
            Like("var/lib/dhcp", "", ".leases"),
            Like("var/lib/dhcpcd", "", ".lease"),
        ],
    },
    HygieneRule {
        class: Class::Secret,
        what: "keys, credentials or settings of an account",
        places: &[
            Home(".aws"),
            Home(".config/openstack"),
            Home(".docker"),
            Home(".git-credentials"),
            Home(".gnupg"),
            Home(".netrc"),
            Home(".ssh"),
        ],
    },
    HygieneRule {
        class: Class::Secret,
        what: "a history of what somebody has typed",
        places: &[
            Home(".bash_history"),
            Home(".lesshst"),
            Home(".python_history"),
            Home(".viminfo"),
            Home(".zsh_history"),
        ],
    },
    HygieneRule {
        class: Class::Secret,
        what: "a secret of JupyterHub",
        places: &[
            Named("jupyterhub-proxy.pid"),
            Named("jupyterhub.sqlite"),
            Named("jupyterhub_cookie_secret"),
        ],
    },
    HygieneRule {
        class: Class::Secret,
        what: "credentials of a package source",
        places: &[At("etc/apt/auth.conf"), In("etc/apt/auth.conf.d")],
    },
    HygieneRule {
        class: Class::Secret,
        what: "a private key that was made in the build",
        places: &[At("etc/munge/munge.key"), At("etc/ssl/private/ssl-cert-snakeoil.key")],
    },
    HygieneRule {
        class: Class::Leftover,
        what: "settings of the build for apt or dpkg",
        // force-unsafe-io must not reach production.
        places: &[At("etc/apt/apt.conf.d/99mmdebstrap"), At("etc/dpkg/dpkg.cfg.d/99mmdebstrap")],
    },
    HygieneRule {
        class: Class::Leftover,
        what: "a policy that keeps services down",
        places: &[At("usr/sbin/policy-rc.d")],
    },
    HygieneRule {
        class: Class::Leftover,
        what: "settings of an installer for cloud-init",
        places: &[
            At("etc/cloud/cloud-init.disabled"),
            Like("etc/cloud/cloud.cfg.d", "90-installer", ".cfg"),
            Like("etc/cloud/cloud.cfg.d", "99-installer", ".cfg"),
            Like("etc/cloud/cloud.cfg.d", "curtin", ".cfg"),
            Like("etc/cloud/cloud.cfg.d", "subiquity", ".cfg"),
        ],
    },
    HygieneRule {
        class: Class::Leftover,
        what: "an emulator that a build for another architecture used",
        places: &[Like("usr/bin", "qemu-", "-static")],
    },
    HygieneRule {
        class: Class::Leftover,
        what: "what cloud-init settled for a login user",
        places: &[At("etc/ssh/sshd_config.d/50-cloud-init.conf"), At("etc/sudoers.d/90-cloud-init-users")],
    },
    HygieneRule {
        class: Class::Trace,
        what: "what the system fills while it runs",
        places: &[
            In("dev"),
            In("proc"),
            In("run"),
            In("sys"),
            In("tmp"),
            Like("var/lib/systemd/timers", "stamp-", ""),
            At("var/lib/systemd/timesync/clock"),
            In("var/tmp"),
        ],
    },
    HygieneRule {
        class: Class::Trace,
        what: "what somebody has planned to run",
        // at(1) keeps a counter beside its jobs, whose names begin so.
        places: &[Like("var/spool/cron/atjobs", "a", ""), In("var/spool/cron/crontabs")],
    },
    HygieneRule {
        class: Class::Trace,
        what: "a cache",
        places: &[
            In("var/cache/apt"),
            In("var/lib/apt/lists"),
            At("var/cache/ldconfig/aux-cache"),
            Like("var/lib/dpkg", "", "-old"),
            Like("var/cache/debconf", "", "-old"),
        ],
    },
    HygieneRule {
        class: Class::Trace,
        what: "a copy that the account tools keep of their files",
        places: &[
            At("etc/group-"),
            At("etc/gshadow-"),
            At("etc/passwd-"),
            At("etc/shadow-"),
            At("etc/subgid-"),
            At("etc/subuid-"),
        ],
    },
    HygieneRule {
        class: Class::Trace,
        what: "a log",
        places: &[
            In("var/log/apt"),
            At("var/log/debug"),
            In("var/log/installer"),
            In("var/log/journal"),
            At("var/log/messages"),
            At("var/log/syslog"),
            In("var/log/unattended-upgrades"),
            Like("var/log", "", ".log"),
            Like("var/log", "", ".1"),
            Like("var/log", "", ".gz"),
        ],
    },
    HygieneRule {
        class: Class::Trace,
        what: "a report of a crash, or post",
        places: &[In("var/crash"), In("var/mail"), In("var/spool/mail")],
    },
    HygieneRule {
        class: Class::Trace,
        what: "a file for swapping",
        places: &[At("swap.img"), At("swapfile")],
    },
];

/// Files that must exist and be empty. An empty machine-id makes systemd choose one at boot without the presets of a
/// first boot, which would enable and disable units.
pub(super) const EMPTY: &[&str] = &[MACHINE_ID, "var/log/btmp", "var/log/lastlog", "var/log/wtmp"];
/// systemd's name of one machine.
pub const MACHINE_ID: &str = "etc/machine-id";

/// Where Docker and containerd have container images that a golden image carries on purpose.
pub(super) const CARRIED: &[&str] = &[
    "var/lib/containerd/io.containerd.content.v1.content/blobs",
    "var/lib/containerd/io.containerd.metadata.v1.bolt",
    "var/lib/docker/image",
    "var/lib/docker/overlay2",
];

/// Files that no golden image has, and what they mean.
pub(super) const FORBIDDEN: &[(&str, &str)] = &[
    ("usr/sbin/sshd", "an SSH server is installed, and golden images have none"),
    (
        "usr/sbin/start-stop-daemon.REAL",
        "start-stop-daemon was put aside for the build, so services do not start",
    ),
];

impl PathPattern {
    pub(super) fn holds(&self, path: &str) -> bool {
        match *self {
            At(place) => is_at_or_below(path, place),
            In(folder) => path != folder && is_at_or_below(path, folder),
            Like(folder, beginning, end) => below(path, folder).is_some_and(|rest| {
                with_parents(rest).any(|it| it.starts_with(beginning) && it.ends_with(end))
            }),
            Home(place) => in_home(path).is_some_and(|rest| is_at_or_below(rest, place)),
            Named(name) => path.split('/').any(|part| part == name),
        }
    }
}

pub(super) fn is_at_or_below(path: &str, folder: &str) -> bool {
    path == folder || below(path, folder).is_some()
}

/// The path from `folder` on, of what is in it.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// A path, and the folders that it is in.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end]).chain([path])
}

/// The path from the home on, of what is in one.
fn in_home(path: &str) -> Option<&str> {
    below(path, "root").or_else(|| below(path, "home")?.split_once('/').map(|(_, rest)| rest))
}
