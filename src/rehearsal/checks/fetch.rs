//! Pages of the hub, fetched on it.

use super::{CHECK_TIMEOUT, Cluster};
use crate::failure::Result;

pub(in crate::rehearsal) const FETCH: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/fetch.py"));

/// Asks for a page on the hub, with a token after its URL if there is one, until what comes is what `wanted` is after.
pub(super) fn fetch<T>(
    cluster: &mut Cluster,
    what: &str,
    arguments: &[&str],
    wanted: impl Fn(&str) -> Option<T>,
) -> Result<T> {
    cluster.hub.write_file("/run/imagegen-fetch.py", FETCH)?;
    let command = ["python3", "/run/imagegen-fetch.py"];
    cluster.hub.wait_for_output(what, CHECK_TIMEOUT, &[&command[..], arguments].concat(), wanted)
}
