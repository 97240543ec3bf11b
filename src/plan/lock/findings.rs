//! The wording of what can be wrong with a lock.

use std::sync::Arc;

use super::LockedPackage;
use crate::document::{Finding, Node, Source};

const REWRITE: &str = "write a new lock with `imagegen build … --write-lock FILE`";

/// A lock that cannot be read.
#[must_use]
pub fn unreadable(name: &str, reason: &str) -> Finding {
    Finding::error(
        format!("the lock {name} cannot be read: {reason}"),
        "name one that `imagegen build --write-lock` wrote",
    )
}

/// A lock that cannot be written.
#[must_use]
pub fn no_such_folder(path: &str) -> Finding {
    Finding::error(
        format!("the lock {path} cannot be written: its folder does not exist"),
        "make the folder first",
    )
}

/// A root tree that is to be built and is not locked.
#[must_use]
pub fn no_such_layer(recipe: &str, kernel: Option<&str>, lock: &str) -> Finding {
    let which = kernel.map(|kernel| format!(" for the kernel {kernel}")).unwrap_or_default();
    Finding::error(format!("the recipe `{recipe}`{which} is not in {lock}"), REWRITE)
}

/// A package that a recipe asks for and no root tree of the lock has.
#[must_use]
pub fn not_locked(package: &str, recipe: &str, lock: &str) -> Finding {
    Finding::error(format!("the recipe `{recipe}` installs `{package}`, which is not in {lock}"), REWRITE)
}

/// A recipe that bootstraps another suite than the lock is of.
#[must_use]
pub fn other_suite(recipe: &str, asked: &str, locked: &str) -> Finding {
    Finding::error(
        format!("the recipe `{recipe}` bootstraps `{asked}`, but its lock is for `{locked}`"),
        REWRITE,
    )
}

/// A package that no archive has any more.
#[must_use]
pub fn gone(package: &LockedPackage) -> Finding {
    let LockedPackage { name, version, file, sha256, .. } = package;
    let message = format!("the archive no longer has {name} {version}");
    let Some(place) = &package.location else {
        return Finding::error(message, "build again: the archive changed during the build");
    };
    let remedy = format!(
        "name an archive that keeps {file} by --mirror, put it into the cache as {sha256}.deb, or {REWRITE}"
    );
    Finding::error(message, remedy).at_place(place, "no longer in the archive")
}

/// A value that is not of its form.
#[must_use]
pub fn malformed(source: &Arc<Source>, node: &Node, what: &str, example: &str) -> Finding {
    Finding::error(format!("this is not {what}"), format!("write it like `{example}`, or {REWRITE}")).at(
        source,
        node.span.clone(),
        format!("not {what}"),
    )
}

/// An image that no lock can hold.
#[must_use]
pub fn cloud_image(recipe: &str) -> Finding {
    Finding::error(
        format!("the recipe `{recipe}` builds on a cloud image, whose packages no lock names"),
        "build it without a lock; a recipe that begins with a `suite` can have one",
    )
}
