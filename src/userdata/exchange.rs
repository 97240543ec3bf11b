//! What hub and nodes bring each other.

use super::table::{self, Style};
use super::{ImageKind, InstanceSpec};
use crate::failure::{Failure, Result};
use crate::workshop::Engine;

/// A packed UID table of so many letters leaves no room for the programs: the hub carries these, and the nodes the table.
pub(super) const LARGE_TABLE: usize = 4_000;

/// Whether hub and nodes bring each other what does not fit. Both are told by the workshop alone, so that their texts agree
/// whenever they are printed.
pub(super) fn exchanges(machine: &InstanceSpec<'_>) -> Result<bool> {
    let swarm = machine.workshop.engine == Engine::Swarm;
    let large =
        || Ok::<_, Failure>(table::render(&machine.workshop.users, Style::Packed)?.len() > LARGE_TABLE);
    Ok(machine.image == ImageKind::Stock && swarm && large()?)
}
