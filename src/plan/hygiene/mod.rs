//! What must not be in a golden image: identities, leftovers of the build, caches, logs.

mod accounts;
mod inside;
mod rules;

use accounts::{FIRST_LOGIN_UID, LOCKED, NOT_LOGIN, SHADOWED};
pub use accounts::{accounts_with_password, login_users};
pub use inside::{Rules, rules};
use rules::{CARRIED, EMPTY, FORBIDDEN, PathPattern, RULES, is_at_or_below};
pub use rules::{Class, HygieneRule, MACHINE_ID};

/// What happens to an entry of the root tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathVerdict {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
    /// The file stays, with nothing in it.
    Empty,
}

/// The rule that the entry at `path` breaks, given without a leading slash.
#[must_use]
pub fn broken_rule(path: &str) -> Option<&'static HygieneRule> {
    RULES.iter().find(|rule| rule.places.iter().any(|place| place.holds(path)))
}

/// Files that a root tree has from its build. A finished image may have the first, from its overlay: the root tree's is the
/// build machine's, which mmdebstrap copies. The second is what the root tree is made of; it goes into the manifest.
const OF_THE_BUILD: [&str; 2] = ["etc/resolv.conf", "imagegen-lock"];

/// Decides about the entry of a root tree at `path`, given without a leading slash.
#[must_use]
pub fn verdict(path: &str) -> PathVerdict {
    match broken_rule(path) {
        Some(_) => PathVerdict::Drop,
        None if OF_THE_BUILD.iter().any(|place| is_at_or_below(path, place)) => PathVerdict::Drop,
        None if EMPTY.contains(&path) => PathVerdict::Empty,
        None => PathVerdict::Keep,
    }
}

/// Whether a finished image may have this although no root tree may: it belongs to a container image that it carries.
#[must_use]
pub fn carried(path: &str) -> bool {
    CARRIED.iter().any(|folder| is_at_or_below(path, folder))
}

/// Why an image with this in it must not be published, if so.
#[must_use]
pub fn forbidden(path: &str) -> Option<&'static str> {
    FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == path).map(|(_, reason)| *reason)
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
            "home/debian/.ssh/authorized_keys",
            "home/ada/.bash_history",
            "srv/hub/jupyterhub_cookie_secret",
            "var/lib/dhcp/dhclient.eth0.leases",
            "usr/bin/qemu-aarch64-static",
        ] {
            assert_eq!(verdict(path), PathVerdict::Drop, "{path}");
        }
    }

    #[test]
    fn the_machine_id_is_there_and_empty() {
        assert_eq!(verdict("etc/machine-id"), PathVerdict::Empty);
    }

    #[test]
    fn folders_themselves_and_neighbours_stay() {
        for path in [
            "run",
            "tmp",
            "var/lib/docker",
            "etc/hostname.d",
            "etc/ssh/ssh_config",
            "var/lib/dpkg/status",
            "home",
            "root/.bashrc",
        ] {
            assert_eq!(verdict(path), PathVerdict::Keep, "{path}");
        }
    }

    #[test]
    fn images_that_are_carried_may_stay_and_the_id_of_their_docker_may_not() {
        assert!(
            carried("var/lib/docker/overlay2/l/ABC")
                && carried("var/lib/docker/image/overlay2/repositories.json")
        );
        assert!(!carried("var/lib/docker/engine-id") && !carried("var/lib/docker/swarm/worker/tasks.db"));
    }
}
