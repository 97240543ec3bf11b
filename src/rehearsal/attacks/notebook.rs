//! What a student tries in a terminal.

use anyhow::anyhow;
use serde_json::Value as Json;

use super::Scene;
use super::attempts::{self, AttemptOutcomes, judge, program};
use crate::failure::Result;
use crate::rehearsal::checks::students::{self, Task};
use crate::userdata::paths;

const NOTEBOOK: &str = program!("attempts.py", "notebook.py");
const KERNEL: &str = program!("attempts.py", "kernel.py");

/// Where the list of modules that are kept out is put aside.
const ASIDE: &str = "/run/imagegen-modules.conf";

/// The control has the same image and no bounds.
pub(super) fn stays_inside(scene: &mut Scene) -> Result<String> {
    let held = in_a_kernel(scene, NOTEBOOK)?;
    let student = scene.student()?;
    let place = students::ask(&mut scene.cluster, Task::of(&student))?;
    let machine = scene.cluster.machine(&place.node)?;
    let image = machine.stdout_of(&["docker", "inspect", "--format", "{{.Image}}", &place.container])?;
    let mut run = vec!["docker", "run", "--rm", "--interactive", "--privileged", "--user", "0"];
    run.extend(["--security-opt", "seccomp=unconfined", "--entrypoint", "python3", &image, "-"]);
    let ended = machine.run_with_timeout(&run, NOTEBOOK)?;
    judge(&held, &attempts::ended(machine, &ended)?)
}

/// The control is a machine without the list, on which something must get through.
pub(super) fn kernel_is_closed(scene: &mut Scene) -> Result<String> {
    let by_a_student = in_a_kernel(scene, KERNEL)?;
    scene.wait_for_neighbour()?;
    let by_root = attempts::on(&mut scene.neighbour, KERNEL, &Json::Null)?;
    scene.neighbour.stdout_of(&["mv", paths::MODULES, ASIDE])?;
    let control = attempts::on(&mut scene.neighbour, KERNEL, &Json::Null);
    scene.neighbour.stdout_of(&["mv", ASIDE, paths::MODULES])?;
    let control = control?;
    let got = attempts::got(&control);
    for held in [&by_a_student, &by_root] {
        attempts::all_refused(held)?;
    }
    if got.is_empty() {
        return Err(anyhow!("nothing gets through without {} either", paths::MODULES).into());
    }
    Ok(format!(
        "{} attempts refused to students and to root; without the list, root gets {}",
        by_root.len(),
        got.join(", ")
    ))
}

fn in_a_kernel(scene: &mut Scene, program: &str) -> Result<AttemptOutcomes> {
    let student = scene.student()?;
    let seen = students::alone(&mut scene.cluster, Task::of(&student).runs(program))?;
    attempts::read(seen.printed()?)
}
