//! What GitLab, GitHub and pre-commit run: scripts of `.ci`, so that everything can be run by hand too.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::project;

fn parsed(path: &str) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(project(path)).unwrap()).unwrap()
}

/// Why a step is not just a script of `.ci` that is there.
fn objection(step: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "./- ".contains(letter);
    let script = step.split(' ').next().unwrap_or_default();
    if !script.starts_with(".ci/") || !step.chars().all(is_plain) {
        return Some(format!("`{step}` is more than a script of .ci"));
    }
    let is_program = project(script).metadata().is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
    (!is_program).then(|| format!("`{script}` is not there, or cannot be run"))
}

fn are_scripts<'a>(steps: impl Iterator<Item = &'a Value>, place: &str) {
    let steps: Vec<&str> = steps.map(|step| step.as_str().unwrap()).collect();
    assert!(!steps.is_empty(), "{place} does nothing");
    for step in steps {
        assert_eq!(objection(step), None, "{place}");
    }
}

#[test]
fn what_is_no_script_of_ours_is_told() {
    assert_eq!(objection(".ci/setup test"), None);
    assert!(objection("cargo test").is_some());
    assert!(objection(".ci/setup test && cargo test").is_some());
    assert!(objection(".ci/no-such-script").is_some());
    assert!(objection(".ci/wait-for.sh").is_some());
}

#[test]
fn gitlab_runs_scripts_of_ours() {
    let pipeline = parsed(".gitlab-ci.yml");
    let entries = pipeline.as_object().unwrap().iter();
    let jobs: Vec<_> =
        entries.filter(|(name, _)| !["default", "workflow"].contains(&name.as_str())).collect();
    for wanted in ["lint", "quick", "oldest-rust", "slow", "advisories", "release"] {
        assert!(jobs.iter().any(|(name, _)| *name == wanted), "{wanted}");
    }
    are_scripts(pipeline["default"]["before_script"].as_array().unwrap().iter(), "default");
    for (name, job) in jobs {
        are_scripts(job["script"].as_array().unwrap().iter(), name);
        for steps in ["before_script", "after_script"].map(|key| job[key].as_array()).into_iter().flatten() {
            are_scripts(steps.iter(), name);
        }
    }
}

#[test]
fn github_runs_scripts_of_ours() {
    let mut names = vec![];
    for file in std::fs::read_dir(project(".github/workflows")).unwrap().map(|entry| entry.unwrap().path()) {
        let workflow = parsed(&file.to_string_lossy());
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            names.push(name.clone());
            let (actions, steps): (Vec<&Value>, Vec<&Value>) =
                job["steps"].as_array().unwrap().iter().partition(|step| step["uses"].is_string());
            are_scripts(steps.iter().map(|step| &step["run"]), name);
            for action in actions {
                // What GitHub itself has to do: fetch the commit, and keep what was made.
                assert!(action["uses"].as_str().unwrap().starts_with("actions/"), "{name}: {action}");
            }
        }
    }
    for wanted in ["lint", "quick", "oldest-rust", "slow", "advisories", "release"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted}");
    }
}

#[test]
fn pre_commit_runs_scripts_of_ours() {
    let hooks = &parsed(".pre-commit-config.yaml")["repos"][0]["hooks"];
    are_scripts(hooks.as_array().unwrap().iter().map(|hook| &hook["entry"]), ".pre-commit-config.yaml");
}
