//! Docker's `daemon.json`.

use anyhow::Context;
use serde_json::Value as Json;

use crate::failure::Result;
use crate::workshop::Docker;

/// The whole file.
pub(super) fn options(docker: &Docker) -> Result<String> {
    pretty(&Json::Object(docker.daemon_json()))
}

/// JSON for people, with a line break at its end.
pub(super) fn pretty(value: &Json) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("writing JSON")? + "\n")
}
