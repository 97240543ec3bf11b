//! Examples of pipelines, run as a runner does.

use std::path::Path;

use super::examples::{is_sound_shell, run};
use super::{Block, page};
use crate::are_as_told;

fn parse(block: &Block) -> serde_json::Value {
    serde_yaml::from_str(&block.text).unwrap()
}

/// The script of a job.
fn script(job: &serde_json::Value) -> Vec<&str> {
    job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// Each job has sound scripts, and the first one prepares its machine as README says.
pub(super) fn is_sound(block: &Block) {
    let pipeline = parse(block);
    let first = pipeline["build-images"]["before_script"][0].as_str().unwrap();
    let start = &page("README.md").blocks()[0].text;
    assert!(start.starts_with(first), "{}: {first}", block.place);
    for job in pipeline.as_object().unwrap().values() {
        is_sound_shell(&script(job).join("\n"), &block.place);
    }
}

pub(super) fn builds_what_it_uploads(block: &Block) {
    let pipeline = parse(block);
    let folder = tempfile::tempdir().unwrap();
    let run = |lines: &[&str]| run(&lines.join("\n"), folder.path(), &block.place);
    run(&["git init -q && git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m a"]);
    run(&script(&pipeline["build-images"]));
    let kept = pipeline["build-images"]["artifacts"]["paths"].as_array().unwrap();
    assert!(kept.iter().all(|path| folder.path().join(path.as_str().unwrap()).exists()), "{kept:?}");
    reports_what_it_builds(folder.path());

    // What is uploaded is there; the upload itself needs a cloud.
    let upload = script(&pipeline["upload-images"]);
    let (checks, upload) = upload.split_at(1);
    run(checks);
    for name in ["hub", "node"] {
        assert!(upload[0].contains("\"dist/$name.qcow2\"") && upload[0].contains(name), "{upload:?}");
        assert!(folder.path().join(format!("dist/{name}.qcow2")).is_file());
    }
}

fn reports_what_it_builds(folder: &Path) {
    let events = std::fs::read_to_string(folder.join("events.jsonl")).unwrap();
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let done =
        events.iter().filter(|event| event["event"] == "stage-finished" && event["bytes"].as_u64() > Some(0));
    assert!(done.count() >= 2, "hub and node were made: {events:?}");
    let files = events.last().unwrap()["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 9, "two images with three papers each, and the checksums: {files:?}");
    are_as_told(&files, folder);
}
