//! What somebody tries who reaches the page and nothing else.

use serde_json::json;

use super::Scene;
use super::attempts::{self, judge, program};
use crate::failure::Result;

const VISITOR: &str = program!("attempts.py", "visitor.py");
/// The proxy behind the web server, for the hub itself alone.
const BEHIND: u16 = 8000;

/// The control speaks to what the web server stands before.
pub(super) fn is_limited(scene: &mut Scene) -> Result<String> {
    scene.wait_for_neighbour()?;
    let hub = scene.cluster.hub.spec.address.address();
    let page = json!({"address": hub, "port": 443, "encrypted": true, "path": "/hub/login"});
    let held = attempts::on(&mut scene.neighbour, VISITOR, &page)?;
    // JupyterHub takes no more than the web server does; a student's server takes files.
    let path = format!("/user/{}/login", scene.student()?.name);
    let behind = json!({"address": "127.0.0.1", "port": BEHIND, "encrypted": false, "path": path});
    let control = attempts::on(&mut scene.cluster.hub, VISITOR, &behind)?;
    judge(&held, &control)
}
