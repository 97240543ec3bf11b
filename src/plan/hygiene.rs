//! What must not be in a golden image: identities, leftovers of the build, caches, logs.

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
    "var/lib/containerd",
    "var/lib/docker",
    "var/log/apt",
    "var/log/journal",
    "var/tmp",
];

/// Files, and folders with all that is in them, that go.
const DROPPED: &[&str] = &[
    // Names and identities that each instance must get for itself.
    "etc/docker/key.json",
    "etc/hostname",
    "etc/iscsi/initiatorname.iscsi",
    "etc/mailname",
    // The build machine's: mmdebstrap copies it. An overlay may have one, and containers get theirs when they start.
    "etc/resolv.conf",
    "etc/nvme/hostid",
    "etc/nvme/hostnqn",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
    // What a build leaves behind: force-unsafe-io must not reach production, policy-rc.d would keep services down.
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "usr/sbin/policy-rc.d",
    // What the layers are made of; it goes into the manifest.
    "imagegen-lock",
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
    // Caches and logs.
    "var/cache/ldconfig/aux-cache",
    "var/log/alternatives.log",
    "var/log/bootstrap.log",
    "var/log/cloud-init-output.log",
    "var/log/cloud-init.log",
    "var/log/dpkg.log",
];

/// Files that must exist and be empty. An empty machine-id makes systemd choose one at boot without the presets of a
/// first boot, which would enable and disable units.
const EMPTY: &[&str] = &["etc/machine-id", "var/log/btmp", "var/log/lastlog", "var/log/wtmp"];

/// Decides about the entry at `path`, given without a leading slash.
#[must_use]
pub fn verdict(path: &str) -> Verdict {
    if DROPPED.iter().any(|dropped| is_at_or_below(path, dropped))
        || EMPTIED.iter().any(|emptied| path != *emptied && is_at_or_below(path, emptied))
        || path.starts_with("etc/ssh/ssh_host_")
        || (path.starts_with("var/lib/dpkg/") || path.starts_with("var/cache/debconf/"))
            && path.ends_with("-old")
    {
        return Verdict::Drop;
    }
    if EMPTY.contains(&path) { Verdict::Empty } else { Verdict::Keep }
}

/// Why an image with this in it must not be published, if so.
#[must_use]
pub fn forbidden(path: &str) -> Option<&'static str> {
    match path {
        "usr/sbin/sshd" => Some("an SSH server is installed, and golden images have none"),
        _ => None,
    }
}

/// What is wrong with the accounts of an image, by its `etc/shadow`: nobody may have a password.
#[must_use]
pub fn accounts_with_password(shadow: &str) -> Vec<&str> {
    let fields = shadow.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 1 && !fields[1].starts_with(['*', '!']))
        .map(|fields| fields[0])
        .collect()
}

/// Login users of an image, by its `etc/passwd`: UIDs from 1000, except `nobody`.
#[must_use]
pub fn login_users(passwd: &str) -> Vec<&str> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 2 && fields[0] != "nobody")
        .filter(|fields| fields[2].parse::<u32>().is_ok_and(|uid| uid >= 1000))
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
