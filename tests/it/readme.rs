//! README's examples are run, not only read.

use assert_cmd::Command;

use crate::{imagegen, project, text};

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
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(text(&output.stdout), shown, "$ {command}");
    }
}

#[test]
fn ci_runs_the_test_command_of_readme() {
    let run = std::fs::read_to_string(project(".ci/run")).unwrap();
    let command = blocks("sh").into_iter().find(|block| block.contains("test")).unwrap();
    assert!(run.contains(command.trim()), "{command}");
}
