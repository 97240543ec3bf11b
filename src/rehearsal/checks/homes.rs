//! Homes that are the same on all machines.

use anyhow::anyhow;

use super::{PATIENCE, Stage};
use crate::failure::Result;
use crate::rehearsal::Student;

pub(super) fn travel(stage: &mut Stage) -> Result<String> {
    let Some(Student { name, uid, gid }) = stage.students.first().cloned() else {
        return Err(anyhow!("the workshop has no students").into());
    };
    let file = format!("/home/{name}/from-the-hub");
    let text = format!("written at {}", stage.hub.read(&["date", "+%s.%N"])?);
    let write = r#"printf %s "$1" >"$2""#;
    stage.hub.read(&as_user(&name, &["sh", "-c", write, "sh", &text, &file]))?;
    for node in &mut stage.nodes {
        // The student reads: root is squashed by the export, and the home is the student's alone.
        node.until(PATIENCE, &as_user(&name, &["cat", &file]), |read| (read == text).then_some(()))?;
        let owner = node.read(&as_user(&name, &["stat", "-c", "%u:%g", &file]))?;
        let kind = node.read(&as_user(&name, &["stat", "-f", "-c", "%T", &file]))?;
        if owner != format!("{uid}:{gid}") || kind != "nfs" {
            return Err(anyhow!("on {}: {file} belongs to {owner} on {kind}", node.spec.name).into());
        }
    }
    Ok(format!("{file} by NFS, of {uid}:{gid}"))
}

fn as_user<'a>(name: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    ["runuser", "-u", name, "--"].iter().chain(command).copied().collect()
}
