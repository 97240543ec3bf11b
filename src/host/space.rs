//! How much room file systems have, and whether that is enough.

use std::path::Path;

use super::tools::missing_prerequisite;
use crate::failure::MissingPrerequisite;
use crate::util::size;

/// A file system.
pub(super) struct Space {
    /// Its number.
    device: u64,
    /// What an ordinary user can still write, in bytes.
    pub(super) bytes: u64,
}

/// What is needed somewhere.
#[derive(Debug, Clone)]
pub struct SpaceRequest<'a> {
    /// What for.
    pub what: &'static str,
    /// Where; it need not be there yet.
    pub place: &'a Path,
    /// How much, in bytes.
    pub bytes: u64,
}

/// The file system of `place`, or of the nearest folder above it that is there.
pub(super) fn free(place: &Path) -> Option<Space> {
    let absolute = std::path::absolute(place).ok()?;
    let there = absolute.ancestors().find(|folder| folder.exists())?;
    let device = rustix::fs::stat(there).ok()?.st_dev;
    let system = rustix::fs::statvfs(there).ok()?;
    Some(Space { device, bytes: system.f_bavail * system.f_frsize })
}

/// What is not there; demands on one file system add up. `options` say how to choose other places.
#[must_use]
pub fn missing(demands: &[SpaceRequest<'_>], options: &str) -> Vec<MissingPrerequisite> {
    let mut systems: Vec<(Space, Vec<&SpaceRequest<'_>>)> = vec![];
    for demand in demands.iter().filter(|demand| demand.bytes > 0) {
        let Some(space) = free(demand.place) else { continue };
        match systems.iter_mut().find(|(known, _)| known.device == space.device) {
            Some((_, on_it)) => on_it.push(demand),
            None => systems.push((space, vec![demand])),
        }
    }
    systems.iter().filter_map(|(space, on_it)| short(space, on_it, options)).collect()
}

fn short(space: &Space, demands: &[&SpaceRequest<'_>], options: &str) -> Option<MissingPrerequisite> {
    let bytes = demands.iter().map(|demand| demand.bytes).sum();
    let what: Vec<_> = demands.iter().map(|demand| demand.what).collect();
    let (place, need, have) = (demands.first()?.place.display(), size(bytes), size(space.bytes));
    (space.bytes < bytes).then(|| {
        missing_prerequisite(
            format!("{need} of disk space at {place} for {} (free: {have})", what.join(", ")),
            format!("free some space there, or choose other directories with {options}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_on_one_file_system_add_up() {
        let place = Path::new("/");
        let bytes = free(place).expect("the root has a size").bytes / 2 + 1;
        let half = SpaceRequest { what: "a", place, bytes };
        assert!(missing(std::slice::from_ref(&half), "").is_empty());
        assert_eq!(missing(&[half.clone(), half], "").len(), 1);
    }
}
