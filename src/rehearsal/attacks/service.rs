//! What the page's own code could do, if somebody else had written it.

use serde_json::{Value as Json, json};

use super::Scene;
use super::attempts::{self, AttemptOutcomes, judge, program};
use crate::failure::Result;

const SERVICE: &str = program!("attempts.py", "service.py");
/// Runs what is on standard input with the user and the groups of a service, as its unit has them.
const AS_THE_SERVICE: &str = r#"
status=/proc/$1/status
uid=$(awk '/^Uid:/ { print $2 }' $status) gid=$(awk '/^Gid:/ { print $2 }' $status)
groups=$(awk '/^Groups:/ { $1 = ""; print }' $status | xargs | tr ' ' ,)
exec setpriv --reuid "$uid" --regid "$gid" ${groups:+--groups "$groups"} --bounding-set -all --no-new-privs \
	python3 /run/imagegen-attempts.py"#;

/// The control is root.
pub(super) fn gets_no_further(scene: &mut Scene) -> Result<String> {
    let pid = scene.cluster.hub.stdout_of(&[
        "systemctl",
        "show",
        "--value",
        "--property",
        "MainPID",
        "jupyterhub",
    ])?;
    let job = json!({"pid": pid, "homes": scene.cluster.homes, "student": scene.student()?.name});
    let control = attempts::on(&mut scene.cluster.hub, SERVICE, &job)?;
    let held = as_the_service(scene, &pid, &job)?;
    judge(&held, &control)
}

fn as_the_service(scene: &mut Scene, pid: &str, job: &Json) -> Result<AttemptOutcomes> {
    let hub = &mut scene.cluster.hub;
    let ended = hub.script(&["sh", "-c", AS_THE_SERVICE, "sh", pid], &job.to_string())?;
    attempts::ended(hub, &ended)
}
