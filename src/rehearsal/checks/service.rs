//! A container as a student: what notebooks will be.

use anyhow::anyhow;

use super::{CHECK_TIMEOUT, Cluster, SOON};
use crate::failure::Result;
use crate::rehearsal::Student;

/// Makes a container image from busybox on a node, without a registry.
const IMAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/image.sh"));
/// Asks the manager for a service as a student: name, UID, GID.
const START: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/service.sh"));
/// Prints where the service runs: the node, its address, the published port.
const WHERE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/where.sh"));

pub(super) fn works(cluster: &mut Cluster) -> Result<String> {
    let Some(student) = cluster.students.first().cloned() else {
        return Err(anyhow!("the workshop has no students").into());
    };
    for node in &mut cluster.nodes {
        let outcome = node.script(&["sh", "-s"], IMAGE)?;
        node.succeeded(&outcome, &["userdata/rehearsal/image.sh"])?;
    }
    let (uid, gid) = (student.uid.to_string(), student.gid.to_string());
    let outcome = cluster.hub.script(&["sh", "-s", &student.name, &uid, &gid], START)?;
    cluster.hub.succeeded(&outcome, &["userdata/rehearsal/service.sh"])?;
    let seen = look(cluster, &student);
    cluster.hub.run(&["docker", "service", "rm", "imagegen-rehearsal"])?;
    seen
}

fn look(cluster: &mut Cluster, student: &Student) -> Result<String> {
    let Student { name, uid, gid, .. } = student;
    let place = cluster.hub.wait_for_output(
        "a task that runs or has ended",
        CHECK_TIMEOUT,
        &["sh", "-c", WHERE],
        settled,
    )?;
    let place = place.map_err(|reason| anyhow!(reason))?;
    if !cluster.nodes.iter().any(|node| node.spec.name == place.node) {
        return Err(anyhow!("the task runs on {}, which is not a node", place.node).into());
    }
    let file = format!("/home/{name}/from-a-container");
    let wanted = format!("{uid}:{gid}");
    let on_the_hub = format!("{}/{name}/from-a-container", cluster.homes);
    let what = format!("what the container writes to {on_the_hub}");
    let whole = |read: &str| (!read.is_empty()).then(|| read.to_owned());
    let written = cluster.hub.wait_for_output(&what, CHECK_TIMEOUT, &["cat", &on_the_hub], whole)?;
    let owner = cluster.hub.stdout_of(&["stat", "-c", "%u:%g", &on_the_hub])?;
    if written != wanted || owner != wanted {
        return Err(anyhow!("{file} contains `{written}` and belongs to {owner} instead of {wanted}").into());
    }
    let page = format!("http://{}:{}/from-a-container", place.address, place.port);
    // The container writes first and serves then.
    let fetch = ["busybox", "wget", "-q", "-O", "-", "-T", "20", &page];
    let what = format!("`{written}` at {page}");
    cluster.hub.wait_for_output(&what, SOON, &fetch, |fetched| (fetched == written).then_some(()))?;
    Ok(format!("on {} as {wanted}, and its page answers at port {}", place.node, place.port))
}

/// Where a task runs.
#[derive(Debug, PartialEq, Eq)]
struct Running {
    node: String,
    address: String,
    port: u16,
}

/// Reads `STATE NODE ADDRESS PORT` and, below it, what went wrong; none while the task is on its way.
fn settled(printed: &str) -> Option<Result<Running, String>> {
    let (line, reason) = printed.split_once('\n').unwrap_or((printed, ""));
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["running", node, address, port] => {
            Some(Ok(Running { node: node.into(), address: address.into(), port: port.parse().ok()? }))
        }
        [state @ ("complete" | "failed" | "orphaned" | "rejected" | "remove" | "shutdown"), ..] => {
            Some(Err(format!("the task is {state}: {reason}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_running_task_with_a_port_counts_and_a_dead_one_is_told_at_once() {
        assert_eq!(settled("preparing node-1 10.77.0.11"), None);
        assert_eq!(
            settled("running node-1 10.77.0.11 32768\n"),
            Some(Ok(Running { node: "node-1".into(), address: "10.77.0.11".into(), port: 32768 }))
        );
        assert_eq!(
            settled("rejected node-1 10.77.0.11\nno such image"),
            Some(Err("the task is rejected: no such image".into()))
        );
    }
}
