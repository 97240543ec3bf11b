//! What the organiser can make smaller in a user-data that is too large.

use super::table::{self, Style};
use super::{InstanceRole, InstanceSpec, docker};
use crate::failure::Result;

/// A part of the workshop file, and the bytes that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeShare {
    /// Where it stands in the workshop file.
    pub place: String,
    /// Bytes of it in the text, before any compression of the whole.
    pub bytes: usize,
}

/// Less is not worth a word.
const WORTH_TELLING: usize = 300;

/// The largest parts that the organiser decides, the largest first.
pub(super) fn largest(machine: &InstanceSpec<'_>) -> Result<Vec<SizeShare>> {
    let workshop = machine.workshop;
    let count = workshop.users.count();
    let mut shares = vec![
        share(format!("`users` ({count} of them)"), table::render(&workshop.users, Style::Packed)?.len()),
        share("`docker`", docker::options(&workshop.docker)?.len()),
        share("`materials`", workshop.materials.iter().map(|it| it.url.len()).sum()),
        share("`admin_ssh_keys`", workshop.admin_ssh_keys.iter().map(String::len).sum()),
    ];
    let section = if machine.role == InstanceRole::Hub { "hub" } else { "node" };
    let files = machine.extras().files.iter();
    shares
        .extend(files.map(|file| share(format!("`{section}.files` with {}", file.path), file.content.len())));
    shares.retain(|share| share.bytes > WORTH_TELLING);
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    Ok(shares)
}

fn share(place: impl Into<String>, bytes: usize) -> SizeShare {
    SizeShare { place: place.into(), bytes }
}
