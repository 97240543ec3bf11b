//! What must not be in a golden image: identities, leftovers of the build, caches, logs.

use serde::Serialize;

/// What happens to an entry of the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
    /// The file stays, with nothing in it.
    Empty,
}

/// Folders that stay, and lose all that is in them.
const EMPTIED: &[&str] = &[
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/lib/cloud",
    "var/lib/NetworkManager",
    "var/lib/containerd",
    "var/lib/dhcp",
    "var/lib/docker",
    "var/log/apt",
    "var/log/installer",
    "var/log/journal",
    "var/log/unattended-upgrades",
    "var/tmp",
];

/// Files, and folders with all that is in them, that go.
const DROPPED: &[&str] = &[
    // Names and identities that each instance must get for itself.
    "etc/docker/key.json",
    "etc/hostname",
    "etc/iscsi/initiatorname.iscsi",
    "etc/mailname",
    "etc/nvme/hostid",
    "etc/nvme/hostnqn",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
    // What a build leaves behind: force-unsafe-io must not reach production, policy-rc.d would keep services down.
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "usr/sbin/policy-rc.d",
    // Root has neither keys nor a history.
    "root/.bash_history",
    "root/.docker",
    "root/.ssh",
    // Copies that the account tools keep of their files.
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    // What cloud-init makes for one instance of its network and of its users.
    "etc/netplan/50-cloud-init.yaml",
    "etc/network/interfaces.d/50-cloud-init",
    "etc/sudoers.d/90-cloud-init-users",
    "etc/udev/rules.d/70-persistent-net.rules",
    // Caches and logs.
    "var/cache/ldconfig/aux-cache",
    "var/log/alternatives.log",
    "var/log/bootstrap.log",
    "var/log/cloud-init-output.log",
    "var/log/cloud-init.log",
    "var/log/debug",
    "var/log/dpkg.log",
    "var/log/messages",
    "var/log/syslog",
];

/// Further files that go, by how their paths begin and end.
const PATTERNS: &[(&str, &str)] = &[
    ("etc/ssh/ssh_host_", ""),
    ("etc/systemd/network/10-cloud-init-", ""),
    ("var/cache/debconf/", "-old"),
    ("var/lib/dpkg/", "-old"),
    ("var/log/", ".1"),
    ("var/log/", ".gz"),
    ("var/log/", ".log"),
];

/// Files that must exist and be empty. An empty machine-id makes systemd choose one at boot without the presets of a
/// first boot, which would enable and disable units.
const EMPTY: &[&str] = &["etc/machine-id", "var/log/btmp", "var/log/lastlog", "var/log/wtmp"];

/// Decides about the entry at `path`, given without a leading slash.
#[must_use]
pub fn verdict(path: &str) -> Verdict {
    if DROPPED.iter().any(|dropped| is_at_or_below(path, dropped))
        || EMPTIED.iter().any(|emptied| path != *emptied && is_at_or_below(path, emptied))
        || PATTERNS.iter().any(|(start, end)| path.starts_with(start) && path.ends_with(end))
    {
        return Verdict::Drop;
    }
    if EMPTY.contains(&path) { Verdict::Empty } else { Verdict::Keep }
}

/// Files that no golden image has, and what they mean.
const FORBIDDEN: &[(&str, &str)] =
    &[("usr/sbin/sshd", "an SSH server is installed, and golden images have none")];

/// How the password of an account begins that has none and cannot log in by one (shadow(5)).
const LOCKED: [char; 2] = ['*', '!'];
/// The first UID of people (`UID_MIN` of login.defs(5)).
const FIRST_LOGIN_UID: u32 = 1000;
/// Accounts with a higher UID that are nobody's.
const NOT_LOGIN: &[&str] = &["nobody"];

/// All of the above, for the script that applies it inside a machine.
#[derive(Debug, Serialize)]
pub struct Rules {
    dropped: &'static [&'static str],
    emptied: &'static [&'static str],
    empty: &'static [&'static str],
    patterns: &'static [(&'static str, &'static str)],
    forbidden: Vec<&'static str>,
    locked: [char; 2],
    first_login_uid: u32,
    not_login: &'static [&'static str],
}

/// The rules as data.
#[must_use]
pub fn rules() -> Rules {
    Rules {
        dropped: DROPPED,
        emptied: EMPTIED,
        empty: EMPTY,
        patterns: PATTERNS,
        forbidden: FORBIDDEN.iter().map(|(path, _)| *path).collect(),
        locked: LOCKED,
        first_login_uid: FIRST_LOGIN_UID,
        not_login: NOT_LOGIN,
    }
}

/// Why an image with this in it must not be published, if so.
#[must_use]
pub fn forbidden(path: &str) -> Option<&'static str> {
    FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == path).map(|(_, reason)| *reason)
}

/// What is wrong with the accounts of an image, by its `etc/shadow`: nobody may have a password.
#[must_use]
pub fn accounts_with_password(shadow: &str) -> Vec<&str> {
    let fields = shadow.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 1 && !fields[1].starts_with(LOCKED))
        .map(|fields| fields[0])
        .collect()
}

/// Login users of an image, by its `etc/passwd`: UIDs of people, except `nobody`.
#[must_use]
pub fn login_users(passwd: &str) -> Vec<&str> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 2 && !NOT_LOGIN.contains(&fields[0]))
        .filter(|fields| fields[2].parse::<u32>().is_ok_and(|uid| uid >= FIRST_LOGIN_UID))
        .map(|fields| fields[0])
        .collect()
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_and_leftovers_go() {
        for path in [
            "etc/ssh/ssh_host_rsa_key",
            "root/.ssh/authorized_keys",
            "var/lib/docker/engine-id",
            "var/lib/dpkg/status-old",
            "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
            "run/lock",
        ] {
            assert_eq!(verdict(path), Verdict::Drop, "{path}");
        }
    }

    #[test]
    fn the_machine_id_is_there_and_empty() {
        assert_eq!(verdict("etc/machine-id"), Verdict::Empty);
    }

    #[test]
    fn folders_themselves_and_neighbours_stay() {
        for path in
            ["run", "tmp", "var/lib/docker", "etc/hostname.d", "etc/ssh/ssh_config", "var/lib/dpkg/status"]
        {
            assert_eq!(verdict(path), Verdict::Keep, "{path}");
        }
    }

    #[test]
    fn a_password_or_a_login_user_is_found() {
        assert_eq!(
            accounts_with_password("root:*:1::\nada:$6$x:1::\nbob::1::\n_rpc:!:1::\n"),
            ["ada", "bob"]
        );
        assert_eq!(login_users("root:x:0:0::\nnobody:x:65534:::\ndebian:x:1000:1000::\n"), ["debian"]);
    }
}
