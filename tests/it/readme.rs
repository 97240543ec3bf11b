//! README's examples are run, not only read.

use assert_cmd::Command;

use crate::{are_as_told, imagegen, program, project, recipes_with, text};

fn readme() -> String {
    std::fs::read_to_string(project("README.md")).unwrap()
}

/// The code blocks of one kind.
fn blocks(kind: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{kind}\n");
    let parts = text.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_workshop_file_in_readme_is_sound() {
    let examples = blocks("yaml");
    assert!(!examples.is_empty());
    for example in examples {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("workshop.yaml"), &example).unwrap();
        let output = imagegen(folder.path()).arg("hub").output().unwrap();
        assert!(output.status.success(), "{example}\n{}", text(&output.stderr));
    }
}

/// Blocks marked `console` are a prompt, a command and what it prints; quick ones are run as they stand.
#[test]
fn every_console_example_in_readme_prints_what_it_shows() {
    let examples = blocks("console");
    assert!(!examples.is_empty());
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_imagegen")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    for example in examples {
        let (command, shown) = example.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
        let folder = tempfile::tempdir().unwrap();
        let script = format!("{{ {command}; }} 2>&1");
        let output = Command::new(program("sh"))
            .args(["-c", &script])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(text(&output.stdout), shown, "$ {command}");
    }
}

#[test]
fn the_containers_of_readme_can_be_carried() {
    let example = blocks("yml").into_iter().find(|block| block.starts_with("containers:")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let node = format!("version: 1\nfrom: base\n{}", example.replace('…', &"0".repeat(64)));
    let recipes = recipes_with(folder.path(), &node);
    std::fs::create_dir(recipes.join("archives")).unwrap();
    std::fs::write(recipes.join("archives/app.tar"), "").unwrap();
    let mut command = imagegen(folder.path());
    command.args(["build", "node", "--recipes", "recipes", "--plan"]).env("XDG_CACHE_HOME", folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plan = text(&output.stdout);
    assert_eq!(plan.matches("     carries ").count(), 3, "{plan}");
    assert!(plan.contains("container image registry.example.org/team/app "), "{plan}");
}

/// The scripts of the example pipeline, by job.
fn pipeline() -> serde_json::Value {
    let example = blocks("yml").into_iter().find(|block| block.contains("script:")).unwrap();
    serde_yaml::from_str(&example).unwrap()
}

fn script(job: &serde_json::Value) -> Vec<&str> {
    job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// As a runner does: all lines in one shell, which stops at the first that fails.
fn run(lines: &[&str], folder: &std::path::Path) {
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_imagegen")).parent().unwrap();
    let output = Command::new(program("bash"))
        .args(["-ec", &lines.join("\n")])
        .current_dir(folder)
        .env("PATH", format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{lines:?}\n{}", text(&output.stderr));
}

#[test]
fn the_pipeline_in_readme_prepares_as_the_start_does_and_is_sound_shell() {
    let pipeline = pipeline();
    let first = pipeline["build-images"]["before_script"][0].as_str().unwrap().to_owned();
    assert!(blocks("sh")[0].starts_with(&first), "{first}");
    for job in pipeline.as_object().unwrap().values() {
        let shell = script(job).join("\n");
        Command::new(program("bash")).args(["-nc", &shell]).assert().success();
    }
}

#[test]
#[ignore = "slow: it builds hub and node"]
fn the_pipeline_in_readme_builds_what_it_uploads() {
    let pipeline = pipeline();
    let folder = tempfile::tempdir().unwrap();
    let commit = "git init -q && git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m a";
    run(&[commit], folder.path());
    run(&script(&pipeline["build-images"]), folder.path());
    let kept = pipeline["build-images"]["artifacts"]["paths"].as_array().unwrap();
    assert!(kept.iter().all(|path| folder.path().join(path.as_str().unwrap()).exists()), "{kept:?}");

    let events = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let done =
        events.iter().filter(|event| event["event"] == "stage-finished" && event["bytes"].as_u64() > Some(0));
    assert!(done.count() >= 2, "hub and node were made: {events:?}");
    let files = events.last().unwrap()["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 9, "two images with three papers each, and the checksums: {files:?}");
    are_as_told(&files, folder.path());

    // What is uploaded is there; the upload itself needs a cloud.
    let upload = script(&pipeline["upload-images"]);
    let (checks, upload) = upload.split_at(1);
    run(checks, folder.path());
    for name in ["hub", "node"] {
        assert!(upload[0].contains("\"dist/$name.qcow2\"") && upload[0].contains(name), "{upload:?}");
        assert!(folder.path().join(format!("dist/{name}.qcow2")).is_file());
    }
}

#[test]
fn ci_runs_the_test_command_of_readme() {
    let run = std::fs::read_to_string(project(".ci/run")).unwrap();
    let command = blocks("sh").into_iter().find(|block| block.contains("test")).unwrap();
    assert!(run.contains(command.trim()), "{command}");
}
