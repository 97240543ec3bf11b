//! What cloud-init says of the user-data, and of itself.

use anyhow::anyhow;

use super::{CHECK_TIMEOUT, Cluster, SOON};
use crate::failure::Result;
use crate::rehearsal::spec::VmRole;
use crate::userdata::paths;

pub(super) fn is_content(cluster: &mut Cluster) -> Result<String> {
    cluster.on_each(|machine| {
        // cloud-init writes this file last of all, and has not ended then; its own command takes more of the machine.
        machine.wait_for_success(
            "the end of cloud-init",
            CHECK_TIMEOUT,
            &["cat", paths::CLOUD_INIT_RESULT],
        )?;
        let status = machine.wait_for_output("cloud-init at rest", SOON, &["sh", "-c", STATUS], at_rest)?;
        match fault(&status) {
            Some(found) => Err(anyhow!("on {}: {found}", machine.spec.name).into()),
            None => Ok(()),
        }
    })?;
    Ok("status done, no errors, no warnings".into())
}

/// Its exit code says no more than what it prints.
const STATUS: &str = "cloud-init status --format json || true";

/// What cloud-init says of itself when it does nothing any more.
fn at_rest(status: &str) -> Option<String> {
    let seen: serde_json::Value = serde_json::from_str(status).ok()?;
    let is_busy = matches!(seen["status"].as_str(), None | Some("running" | "not started" | "not run"));
    (!is_busy).then(|| status.to_owned())
}

/// What is wrong by `cloud-init status --format json`, if anything is.
fn fault(status: &str) -> Option<String> {
    let Ok(status) = serde_json::from_str::<serde_json::Value>(status) else {
        return Some(status.to_owned());
    };
    let empty = |key: &str| {
        status[key].as_array().is_some_and(Vec::is_empty)
            || status[key].as_object().is_some_and(serde_json::Map::is_empty)
    };
    let sound = status["extended_status"] == "done" && empty("errors") && empty("recoverable_errors");
    (!sound).then(|| status.to_string())
}

/// All nodes share a text, of which the first one's cloud-init is asked.
pub(super) fn accepts(cluster: &mut Cluster) -> Result<String> {
    let first = cluster.nodes.first().map(|node| node.spec.name.clone());
    cluster.on_each(|machine| {
        if machine.spec.role == VmRole::Node && first.as_ref() != Some(&machine.spec.name) {
            return Ok(());
        }
        let said = machine.stdout_of(&["cloud-init", "schema", "--system"])?;
        if said.contains("Valid schema user-data") {
            return Ok(());
        }
        Err(anyhow!("on {}, cloud-init says: {said}", machine.spec.name).into())
    })?;
    cluster.hub.stdout_of(&["cloud-init", "--version"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_content_only_without_any_complaint() {
        let status = |extended: &str, recoverable: &str| {
            format!(
                r#"{{"extended_status": "{extended}", "errors": [], "recoverable_errors": {recoverable}}}"#
            )
        };
        assert_eq!(fault(&status("done", "{}")), None);
        assert!(fault(&status("degraded done", "{}")).is_some());
        assert!(fault(&status("done", r#"{"WARNING": ["x"]}"#)).is_some());
        assert!(fault("Traceback").is_some());
    }

    #[test]
    fn cloud_init_is_at_rest_when_it_is_done_or_has_failed() {
        for (status, rest) in [("done", true), ("error", true), ("running", false), ("not started", false)] {
            assert_eq!(at_rest(&format!(r#"{{"status": "{status}"}}"#)).is_some(), rest, "{status}");
        }
        assert_eq!(at_rest("Traceback"), None);
    }
}
