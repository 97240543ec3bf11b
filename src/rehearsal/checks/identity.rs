//! Accounts that are equal everywhere, and identities that are not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;

use super::{Cluster, SOON};
use crate::failure::Result;
use crate::rehearsal::Student;
use crate::rehearsal::polling::{Look, wait_for};

pub(super) fn ids_are_equal(cluster: &mut Cluster) -> Result<String> {
    let students = cluster.students.clone();
    for machine in cluster.machines() {
        let name = machine.spec.name.clone();
        wait_for(&format!("the workshop's accounts on {name}"), SOON, || {
            machine.look(&["getent", "passwd"], |printed| {
                difference(&students, &ids(printed)).map_or(Look::Found(()), Look::NotYet)
            })
        })?;
    }
    Ok(format!("{} students", students.len()))
}

/// UID and GID by name, of a table like `/etc/passwd`.
fn ids(passwd: &str) -> BTreeMap<String, (u32, u32)> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter_map(|fields| {
            Some((fields.first()?.to_string(), (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))
        })
        .collect()
}

fn difference(students: &[Student], table: &BTreeMap<String, (u32, u32)>) -> Option<String> {
    students.iter().find_map(|Student { name, uid, gid, .. }| match table.get(name) {
        None => Some(format!("there is no {name}")),
        Some(found) if *found != (*uid, *gid) => {
            Some(format!("{name} has {}:{} instead of {uid}:{gid}", found.0, found.1))
        }
        Some(_) => None,
    })
}

pub(super) fn clones_differ(cluster: &mut Cluster) -> Result<String> {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for machine in cluster.machines() {
        for what in ["/etc/machine-id", "/var/lib/docker/engine-id"] {
            let whole = |id: &str| (id.len() >= 32).then(|| id.to_owned());
            let id = machine.wait_for_output(&format!("an id in {what}"), SOON, &["cat", what], whole)?;
            if !seen.insert(id.clone()) {
                return Err(anyhow!("{what} of {} is `{id}`, as elsewhere", machine.spec.name).into());
            }
            count += 1;
        }
    }
    Ok(format!("{count} ids"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_student_with_another_uid_or_none_is_told() {
        let students = [Student { name: "ada".into(), uid: 1815, gid: 1815, password: String::new() }];
        let check = |passwd: &str| difference(&students, &ids(passwd));
        assert_eq!(check("root:x:0:0::/root:/bin/sh\nada:x:1815:1815::/home/ada:/bin/sh\n"), None);
        assert_eq!(check("ada:x:1000:1815:::\n").as_deref(), Some("ada has 1000:1815 instead of 1815:1815"));
        assert_eq!(check("").as_deref(), Some("there is no ada"));
    }
}
