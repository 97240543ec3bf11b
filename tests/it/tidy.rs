//! Habits that a compiler does not see, over all files of the project.

use std::collections::BTreeMap;

use assert_cmd::Command;

use crate::{program, project, text};

fn tracked() -> BTreeMap<String, String> {
    let names = Command::new(program("git")).arg("ls-files").current_dir(project("")).output().unwrap();
    text(&names.stdout)
        .lines()
        .filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(project(name)).ok()?)))
        .collect()
}

/// The part of a source file before its tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn files_stay_readable() {
    for (name, text) in tracked().iter().filter(|(name, _)| name.starts_with("src/")) {
        let lines = without_tests(text).lines().count();
        assert!(lines <= 350, "{name} has {lines} lines without its tests");
    }
}

#[test]
fn each_licence_has_its_text() {
    let cargo = std::fs::read_to_string(project("Cargo.toml")).unwrap();
    let licences = cargo.split("license = \"").nth(1).unwrap().split('"').next().unwrap();
    for licence in licences.split(" OR ") {
        let path = format!(".github/LICENSES/{licence}.txt");
        assert!(cargo.contains(&path), "Cargo.toml does not say where the text of {licence} is");
        assert!(std::fs::read_to_string(project(&path)).unwrap().contains("License"), "{path}");
    }
}

#[test]
fn nothing_is_left_undone() {
    // Put together here, so that this file does not find itself.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["un", "implemented!"].concat()];
    for (name, text) in tracked() {
        for word in &words {
            assert!(
                !text.contains(word) || name == "Cargo.toml" || name == "Cargo.lock",
                "{name} has {word}"
            );
        }
    }
}
