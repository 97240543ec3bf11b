//! One check.

use super::Cluster;
use crate::failure::Result;

/// One check.
pub(super) struct ClusterCheck<S = Cluster> {
    /// What is true when it passes.
    pub(super) name: &'static str,
    pub(super) run: fn(&mut S) -> Result<String>,
}
