//! Where homes are, who may mount them, and how much a student may store.

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::{PATIENCE, SOON, Stage};
use crate::failure::Result;

/// Looks at the file systems and at what is exported.
const APART: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/apart.sh"));
/// Mounts the homes with encryption and without.
const ENCRYPTED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/encrypted.sh"));
/// Has a student store too much.
const QUOTA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/quota.sh"));
/// What each student stores on the hub, and may.
const USAGE: &str = "/run/imagegen/usage.json";
/// More than any student may store on a machine's own disk unless the workshop says so.
const MUCH: u64 = 11 << 30;

/// Homes and shared folders are on file systems of their own, which the nodes alone mount.
pub(super) fn is_apart(stage: &mut Stage) -> Result<String> {
    let nodes = stage.nodes.iter().map(|node| format!("{}/32", node.spec.place.address()));
    let clients: Vec<String> = if stage.classic { vec!["10.77.0.0/24".into()] } else { nodes.collect() };
    let mut command = vec!["sh", "-s", &stage.homes];
    command.extend(stage.shares.iter().map(|(_, folder)| folder.as_str()));
    command.push("--");
    command.extend(clients.iter().map(String::as_str));
    let outcome = stage.hub.script(&command, APART)?;
    let exported = stage.hub.succeeded(&outcome, &["userdata/rehearsal/apart.sh"])?;
    Ok(format!("{} for {}", exported.trim(), clients.join(", ")))
}

/// A node's kernel encrypts what it mounts, and the hub gives nothing to a node that does not ask for that, or has no
/// certificate.
pub(super) fn is_encrypted(stage: &mut Stage) -> Result<String> {
    let folder = stage.homes.clone();
    for node in &mut stage.nodes {
        let outcome = node.script(&["sh", "-s", &folder], ENCRYPTED)?;
        node.succeeded(&outcome, &["userdata/rehearsal/encrypted.sh"])?;
    }
    Ok(format!("{folder} with xprtsec=mtls, and with nothing less"))
}

/// A student who stores too much is stopped, and nobody else.
pub(super) fn is_limited(stage: &mut Stage) -> Result<String> {
    let [one, other, ..] = stage.students.as_slice() else {
        return Ok("there are no two students".into());
    };
    let usage = stage.hub.until_ok("quotas of the homes", SOON, &["cat", USAGE])?;
    let usage: Value = serde_json::from_str(&usage).context("reading what students store")?;
    let limit = usage["limit"].as_u64().ok_or_else(|| anyhow!("{USAGE} names no limit"))?;
    let node = stage.nodes.first_mut().ok_or_else(|| anyhow!("there is no node"))?;
    // Root is nobody in a home.
    let look = ["runuser", "-u", &other.name, "--", "ls", &format!("/home/{}", other.name)];
    node.until_ok("a home of the second student", PATIENCE, &look)?;
    let (limit, much) = (limit.to_string(), MUCH.to_string());
    let outcome = node.script(&["sh", "-s", &one.name, &other.name, &limit, &much], QUOTA)?;
    node.succeeded(&outcome, &["userdata/rehearsal/quota.sh"])?;
    Ok(format!("{} stores less than {limit} bytes, and {} goes on", one.name, other.name))
}
