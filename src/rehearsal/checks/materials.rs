//! Materials that students find when they come. The hub serves them to itself, at an address that is kept for examples.

use anyhow::anyhow;

use super::students::{self, Task};
use super::{PATIENCE, Stage};
use crate::failure::Result;

/// Makes an archive and serves it where the rehearsal's workshop looks for its materials.
const SERVE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/materials.sh"));

/// A copy is in each home, of the student's own; another is in /share, where nobody may write.
pub(super) fn arrive(stage: &mut Stage) -> Result<String> {
    let outcome = stage.hub.script(&["sh", "-s"], SERVE)?;
    stage.hub.succeeded(&outcome, &["userdata/rehearsal/materials.sh"])?;
    for student in students::present(stage) {
        let file = format!("{}/{}/course/README", stage.homes, student.name);
        let wanted = format!("{}:{}", student.uid, student.gid);
        stage
            .hub
            .until(PATIENCE, &["stat", "-c", "%u:%g", &file], |owner| (owner == wanted).then_some(()))?;
    }
    let Some(student) = students::present(stage).into_iter().next() else {
        return Err(anyhow!("nobody is present").into());
    };
    let code = "print(open('course/README').read().strip(), open('/share/data/README').read().strip())\n\
                try:\n    open('/share/data/mine', 'w')\nexcept OSError as error:\n    print(error.strerror)";
    let seen = students::alone(stage, Task::of(&student).runs(code))?;
    let output = seen.output.clone().unwrap_or_default();
    if output.trim() != "Welcome Welcome\nRead-only file system" {
        return Err(anyhow!("a notebook sees {seen:?}").into());
    }
    Ok("a copy in each home, and one in /share that nobody can change".into())
}
