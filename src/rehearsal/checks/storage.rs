//! Where homes are, who may mount them, and how much a student may store.

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::{CHECK_TIMEOUT, Cluster, SOON};
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
pub(super) fn is_apart(cluster: &mut Cluster) -> Result<String> {
    let nodes = cluster.nodes.iter().map(|node| format!("{}/32", node.spec.address.address()));
    let clients: Vec<String> = if cluster.classic { vec!["10.77.0.0/24".into()] } else { nodes.collect() };
    let mut command = vec!["sh", "-s", &cluster.homes];
    command.extend(cluster.shares.iter().map(|(_, folder)| folder.as_str()));
    command.push("--");
    command.extend(clients.iter().map(String::as_str));
    let outcome = cluster.hub.script(&command, APART)?;
    let exported = cluster.hub.succeeded(&outcome, &["userdata/rehearsal/apart.sh"])?;
    Ok(format!("{} for {}", exported.trim(), clients.join(", ")))
}

/// A node's kernel encrypts what it mounts, and the hub gives nothing to a node that does not ask for that, or has no
/// certificate.
pub(super) fn is_encrypted(cluster: &mut Cluster) -> Result<String> {
    let folder = cluster.homes.clone();
    for node in &mut cluster.nodes {
        let outcome = node.script(&["sh", "-s", &folder], ENCRYPTED)?;
        node.succeeded(&outcome, &["userdata/rehearsal/encrypted.sh"])?;
    }
    Ok(format!("{folder} with xprtsec=mtls, and with nothing less"))
}

/// A student who stores too much is stopped, and nobody else.
pub(super) fn is_limited(cluster: &mut Cluster) -> Result<String> {
    let [one, other, ..] = cluster.students.as_slice() else {
        return Ok("there are no two students".into());
    };
    let usage = cluster.hub.wait_for_success("quotas of the homes", SOON, &["cat", USAGE])?;
    let usage: Value = serde_json::from_str(&usage).context("reading what students store")?;
    let limit = usage["limit"].as_u64().ok_or_else(|| anyhow!("{USAGE} names no limit"))?;
    let node = cluster.nodes.first_mut().ok_or_else(|| anyhow!("there is no node"))?;
    // Root is nobody in a home.
    let look = ["runuser", "-u", &other.name, "--", "ls", &format!("/home/{}", other.name)];
    node.wait_for_success("a home of the second student", CHECK_TIMEOUT, &look)?;
    let (limit, much) = (limit.to_string(), MUCH.to_string());
    let outcome = node.script(&["sh", "-s", &one.name, &other.name, &limit, &much], QUOTA)?;
    node.succeeded(&outcome, &["userdata/rehearsal/quota.sh"])?;
    Ok(format!("{} stores less than {limit} bytes, and {} goes on", one.name, other.name))
}
