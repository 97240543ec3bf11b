//! Passwords on the hub, and users that an image brought itself.

use anyhow::anyhow;

use super::{CHECK_TIMEOUT, Cluster};
use crate::failure::Result;
use crate::rehearsal::Student;
use crate::rehearsal::agent::CommandOutput;
use crate::rehearsal::polling::{Look, wait_for};
use crate::rehearsal::vm::Vm;

/// Looks for what is on standard input in the journal. It is not an argument: the guest agent notes those in there.
const SEARCH: &str = r#"read -r password && journalctl -b -o cat | grep -F -e "$password""#;

/// The card's password opens the account on the hub, on no node, and stands in no journal.
pub(super) fn passwords_are_the_cards(cluster: &mut Cluster) -> Result<String> {
    let Some(student) = cluster.students.last().cloned() else {
        return Err(anyhow!("the workshop has no students").into());
    };
    let right = format!("{}\0", student.password);
    let what = format!("an account that the password of {} opens", student.name);
    wait_for(&what, CHECK_TIMEOUT, || {
        let outcome = cluster.hub.script(&opening(&student), &right)?;
        Ok(if outcome.ok() { Look::Found(()) } else { Look::NotYet(format!("unix_chkpwd: {outcome}")) })
    })?;
    if opens(&mut cluster.hub, &student, "not the password")? {
        return Err(anyhow!("the hub takes a wrong password").into());
    }
    for node in &mut cluster.nodes {
        if opens(node, &student, &student.password)? {
            return Err(anyhow!("{} knows the password", node.spec.name).into());
        }
    }
    for machine in cluster.machines() {
        if machine.script(&["sh", "-c", SEARCH], &format!("{}\n", student.password))?.ok() {
            let name = &machine.spec.name;
            return Err(anyhow!("the journal of {name} has the password of {}", student.name).into());
        }
    }
    Ok(format!("{} on the hub alone", student.name))
}

/// Whether PAM's own helper takes a password.
fn opens(machine: &mut Vm, student: &Student, password: &str) -> Result<bool> {
    Ok(machine.script(&opening(student), &format!("{password}\0"))?.ok())
}

/// Asks for a password on standard input, with a zero byte at its end.
fn opening(student: &Student) -> [&str; 3] {
    ["/usr/sbin/unix_chkpwd", &student.name, "nonull"]
}

/// Appends a key, which is on standard input, to a user's own: user.
const ALLOW: &str = r#"runuser -l "$1" -c 'install -d -m 0700 ~/.ssh && cat >>~/.ssh/authorized_keys'"#;
/// Makes a key for root where there is none, and prints its public half.
const KEY: &str = "cd /root && { [ -e .ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519; } && cat .ssh/id_ed25519.pub";

/// What a user sees who has logged in.
const LOOK: &str = "pwd; stat -f -c %T .; sudo -n id -u";

/// The login user of an ordinary image, and the workshop's administrator, log in by SSH from another machine, and each
/// is at home. A student with a key is refused.
pub(super) fn log_in_by_ssh(cluster: &mut Cluster) -> Result<String> {
    let key = cluster.hub.stdout_of(&["sh", "-c", KEY])?;
    for (user, home) in [("debian", "/home/debian"), ("imagegen-admin", crate::userdata::paths::ADMIN_HOME)] {
        let outcome = ssh(cluster, &key, user)?;
        let seen = cluster.hub.succeeded(&outcome, &["ssh", user])?;
        if !(seen.starts_with(&format!("{home}\n")) && seen.ends_with("\n0")) || seen.contains("nfs") {
            return Err(anyhow!("{user} sees `{seen}` by SSH").into());
        }
    }
    let Some(Student { name, .. }) = cluster.students.last().cloned() else {
        return Err(anyhow!("the workshop has no students").into());
    };
    let refused = ssh(cluster, &key, &name)?;
    if refused.ok() || !refused.stderr.contains("Permission denied") {
        return Err(anyhow!("SSH as {name}, who has a key, ends with {refused}").into());
    }
    let own = "debian and imagegen-admin, each at home on the node's own disk, and with sudo";
    Ok(format!("{own}; {name} is refused"))
}

/// Puts a key into a user's home on a node, and logs in with it from the hub.
fn ssh(cluster: &mut Cluster, key: &str, user: &str) -> Result<CommandOutput> {
    let node = &mut cluster.nodes[0];
    let outcome = node.script(&["sh", "-c", ALLOW, "sh", user], &format!("{key}\n"))?;
    node.succeeded(&outcome, &["authorized_keys"])?;
    let target = format!("{user}@{}", node.spec.address.address());
    cluster.hub.run(&["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", &target, LOOK])
}
