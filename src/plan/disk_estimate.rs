//! How much disk a plan takes, as far as that is known before its packages are.

use super::{Action, Plan};

const MIB: u64 = 1 << 20;

/// Bytes on the disk at most. Measured on the built-in images: a root tree takes 0.6 to 1.2 GiB as a tar and as much
/// while mmdebstrap makes it, and an image with all that it is made by takes 1.1 GiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskEstimate {
    /// For what is cached.
    pub kept: u64,
    /// For what mmdebstrap unpacks.
    pub unpacked: u64,
    /// For images.
    pub images: u64,
}

impl Plan {
    /// What the stages take that are not cached.
    #[must_use]
    pub fn disk_estimate(&self) -> DiskEstimate {
        let mut estimate = DiskEstimate::default();
        for stage in self.stages.iter().filter(|stage| !stage.kept) {
            match stage.action {
                Action::Set(_) => estimate.kept += 256 * MIB,
                Action::Fetch(_) => estimate.kept += 512 * MIB,
                Action::Base(_) => estimate.kept += 1024 * MIB,
                Action::Layer(_) => {
                    estimate.kept += 1024 * MIB;
                    estimate.unpacked += 1024 * MIB;
                }
                Action::Container(_) => {
                    estimate.kept += 512 * MIB;
                    estimate.images += 768 * MIB;
                }
                Action::Image(_) => estimate.images += 1280 * MIB,
                // The machine's disk, and what is made of it.
                Action::Provision(_) => estimate.images += 4096 * MIB,
            }
        }
        estimate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HostFacts, Request, plan};
    use crate::recipe::{Catalogue, Chain};

    #[test]
    fn only_what_is_made_takes_room() {
        let images = vec![Chain::load(&Catalogue::built_in(), "hub").unwrap()];
        let mut plan = plan(&Request { images, ..Request::default() }, &HostFacts::default());
        let layers = plan.stages.iter().filter(|stage| matches!(stage.action, Action::Layer(_))).count();
        let gib = |number: usize| (number as u64) << 30;
        assert_eq!(plan.disk_estimate().unpacked, gib(layers));
        plan.stages.iter_mut().for_each(|stage| stage.kept = true);
        assert_eq!(plan.disk_estimate(), DiskEstimate::default());
    }
}
