//! The wording of what can be wrong with a lock.

use std::sync::Arc;

use super::LockedPackage;
use crate::document::{Finding, Node, Source};

const WRITE_ANEW: &str = "write the lock anew, with `imagegen build … --write-lock FILE`";

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
    Finding::error(format!("the lock {path} is to be in a folder that is not there"), "make the folder first")
}

/// A layer that is to be built and is not locked.
#[must_use]
pub fn no_such_layer(recipe: &str, kernel: Option<&str>, lock: &str) -> Finding {
    let which = kernel.map(|kernel| format!(" for the kernel {kernel}")).unwrap_or_default();
    Finding::error(format!("{lock} has no layer `{recipe}`{which}, which is to be built"), WRITE_ANEW)
}

/// A package that a recipe asks for and no layer of the lock has.
#[must_use]
pub fn not_locked(package: &str, recipe: &str, lock: &str) -> Finding {
    Finding::error(
        format!("the recipe `{recipe}` asks for `{package}`, which {lock} does not have"),
        WRITE_ANEW,
    )
}

/// A recipe that bootstraps another suite than the lock is of.
#[must_use]
pub fn other_suite(recipe: &str, asked: &str, locked: &str) -> Finding {
    Finding::error(
        format!("the recipe `{recipe}` bootstraps `{asked}`, and its lock is of `{locked}`"),
        WRITE_ANEW,
    )
}

/// A package that no archive has any more.
#[must_use]
pub fn gone(package: &LockedPackage) -> Finding {
    let LockedPackage { name, version, file, sha256, .. } = package;
    let message = format!("the archive no longer has {name} {version}");
    let Some(place) = &package.location else {
        return Finding::error(message, "build again: the archive has changed in these seconds");
    };
    let remedy = format!(
        "name an archive that keeps {file} by --mirror, put it into the package store as {sha256}.deb, or {WRITE_ANEW}"
    );
    Finding::error(message, remedy).at_place(place, "not there any more")
}

/// A value that is not of its form.
#[must_use]
pub fn malformed(source: &Arc<Source>, node: &Node, what: &str, example: &str) -> Finding {
    Finding::error(format!("this is no {what}"), format!("write it like `{example}`, or {WRITE_ANEW}")).at(
        source,
        node.span.clone(),
        format!("no {what}"),
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
