//! What the current user may do.

use super::cmd::Cmd;

/// What mmdebstrap may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// All that root may.
    Root,
    /// What root may in a container: no mounts.
    RootWithoutMounts,
    /// What a user may with subordinate ids, in a user namespace.
    User,
}

impl Privilege {
    /// The current user's.
    #[must_use]
    pub fn of_user() -> Self {
        if !is_root() {
            Self::User
        } else if Cmd::new("unshare").args(["--mount", "true"]).run().is_ok() {
            Self::Root
        } else {
            Self::RootWithoutMounts
        }
    }
}

/// Whether the current user is root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
