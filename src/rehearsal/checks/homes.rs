//! Homes that are the same on all machines.

use anyhow::anyhow;

use super::{CHECK_TIMEOUT, Cluster};
use crate::failure::Result;
use crate::rehearsal::Student;

pub(super) fn travel(cluster: &mut Cluster) -> Result<String> {
    let Some(Student { name, uid, gid, .. }) = cluster.students.first().cloned() else {
        return Err(anyhow!("the workshop has no students").into());
    };
    let file = format!("/home/{name}/from-the-hub");
    let on_the_hub = format!("{}/{name}/from-the-hub", cluster.homes);
    let text = format!("written at {}", cluster.hub.stdout_of(&["date", "+%s.%N"])?);
    let write = r#"printf %s "$1" >"$2""#;
    let write = as_user(&name, &["sh", "-c", write, "sh", &text, &on_the_hub]);
    cluster.hub.wait_for_success(&format!("a home in which {name} writes"), CHECK_TIMEOUT, &write)?;
    for node in &mut cluster.nodes {
        // The student reads: root is squashed by the export, and the home is the student's alone.
        let what = format!("{file} with what was written on the hub");
        node.wait_for_output(&what, CHECK_TIMEOUT, &as_user(&name, &["cat", &file]), |read| {
            (read == text).then_some(())
        })?;
        let owner = node.stdout_of(&as_user(&name, &["stat", "-c", "%u:%g", &file]))?;
        if owner != format!("{uid}:{gid}") {
            return Err(anyhow!("on {}: {file} belongs to {owner}", node.spec.name).into());
        }
        let mounts = node.stdout_of(&["cat", "/proc/mounts"])?;
        if !is_automounted(&mounts, &format!("/home/{name}")) {
            return Err(anyhow!("on {}, the home is not NFS below autofs:\n{mounts}", node.spec.name).into());
        }
    }
    Ok(format!("{file} by autofs and NFS, of {uid}:{gid}"))
}

/// A file in each shared folder of the hub is read on every node, by root and all; nobody there can write one.
pub(super) fn shares_are_read(cluster: &mut Cluster) -> Result<String> {
    let Cluster { hub, nodes, shares, .. } = cluster;
    for (path, folder) in shares.iter() {
        let write = ["sh", "-c", r#"echo shared >"$1/data.csv""#, "sh", folder];
        hub.wait_for_success(&format!("a folder {folder}"), CHECK_TIMEOUT, &write)?;
        for node in nodes.iter_mut() {
            let file = format!("{path}/data.csv");
            let what = format!("{file} with what was written on the hub");
            node.wait_for_output(&what, CHECK_TIMEOUT, &["cat", &file], |read| {
                (read == "shared").then_some(())
            })?;
            let written = node.run(&["sh", "-c", r#"echo mine >"$1""#, "sh", &file])?;
            if written.ok() || !written.stderr.contains("Read-only") {
                return Err(anyhow!("on {}, writing {file} ends with {written}", node.spec.name).into());
            }
        }
    }
    Ok(shares.iter().map(|(path, folder)| format!("{folder} as {path}")).collect::<Vec<_>>().join(", "))
}

fn as_user<'a>(name: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    ["runuser", "-u", name, "--"].iter().chain(command).copied().collect()
}

/// Whether `home` is NFS, mounted by the autofs that watches over `/home`.
fn is_automounted(mounts: &str, home: &str) -> bool {
    let has = |point: &str, kind: &str| {
        mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .any(|fields| fields.get(1) == Some(&point) && fields.get(2) == Some(&kind))
    };
    has("/home", "autofs") && has(home, "nfs4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_nfs_below_autofs_or_wrong() {
        let autofs = "/etc/auto.imagegen /home autofs rw,fd=6,indirect 0 0\n";
        let nfs = "10.77.0.10:/home/ada /home/ada nfs4 rw,vers=4.2 0 0\n";
        assert!(is_automounted(&[autofs, nfs].concat(), "/home/ada"));
        assert!(!is_automounted(nfs, "/home/ada"));
        assert!(!is_automounted(autofs, "/home/ada"));
        assert!(!is_automounted(&[autofs, nfs].concat(), "/home/bob"));
    }
}
