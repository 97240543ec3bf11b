//! Container images that came with a machine's image.

use anyhow::anyhow;

use super::Cluster;
use crate::failure::Result;

/// Has Docker mount each of them, and prints how many there are.
const MOUNT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/carried.py"));

pub(super) fn are_mounted(cluster: &mut Cluster) -> Result<String> {
    let mut most = 0_usize;
    for node in &mut cluster.nodes {
        let outcome = node.script(&["python3", "-"], MOUNT)?;
        let count = node.succeeded(&outcome, &["userdata/rehearsal/carried.py"])?;
        let count = count.parse().map_err(|_| anyhow!("a number was expected, not `{count}`"))?;
        most = most.max(count);
    }
    Ok(format!("{most} on each node"))
}
