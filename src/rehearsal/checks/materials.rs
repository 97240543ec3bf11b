//! Materials that students find when they come. The hub serves them to itself, at an address that is kept for examples.

use anyhow::anyhow;

use super::students::{self, Task};
use super::{CHECK_TIMEOUT, Cluster};
use crate::failure::Result;

/// Makes an archive and serves it where the rehearsal's workshop looks for its materials.
const SERVE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/materials.sh"));

/// What a kernel sees of both. A node may remember for a minute that a folder was not in the share.
const LOOK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/look.py"));

/// Where the hub keeps what nodes see in /share.
const IN_THE_SHARE: &str = "/srv/imagegen-share/data/README";

/// A copy is in each home, of the student's own; another is in /share, where nobody may write.
pub(super) fn arrive(cluster: &mut Cluster) -> Result<String> {
    let outcome = cluster.hub.script(&["sh", "-s"], SERVE)?;
    cluster.hub.succeeded(&outcome, &["userdata/rehearsal/materials.sh"])?;
    for student in students::present(cluster) {
        let file = format!("{}/{}/course/README", cluster.homes, student.name);
        are_there(cluster, &file, &format!("{}:{}", student.uid, student.gid))?;
    }
    are_there(cluster, IN_THE_SHARE, "0:0")?;
    let Some(student) = students::present(cluster).into_iter().next() else {
        return Err(anyhow!("nobody is present").into());
    };
    let seen = students::alone(cluster, Task::of(&student).runs(LOOK))?;
    let output = seen.output.clone().unwrap_or_default();
    if output.trim() != "Welcome Welcome Read-only file system" {
        return Err(anyhow!("a notebook sees {seen:?}").into());
    }
    Ok("a copy in each home, and one in /share that nobody can change".into())
}

/// Waits until a file of the materials is on the hub, with its owner.
fn are_there(cluster: &mut Cluster, file: &str, owner: &str) -> Result<()> {
    let what = format!("{file} of {owner}");
    cluster.hub.wait_for_output(&what, CHECK_TIMEOUT, &["stat", "-c", "%u:%g", file], |seen| {
        (seen == owner).then_some(())
    })
}
