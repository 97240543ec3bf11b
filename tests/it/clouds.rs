//! Recipes on cloud images, as far as no machine has to run; `.ci/cloud-base` makes a whole image.

use std::path::Path;

use assert_cmd::Command;

use crate::{imagegen, project, text};

/// `imagegen build node` on a recipe that begins with `from`.
fn build(folder: &Path, from: &str) -> Command {
    let recipes = folder.join("recipes");
    std::fs::create_dir_all(&recipes).unwrap();
    std::fs::write(recipes.join("node.yaml"), format!("version: 1\nfrom: {from}\npackages: [tree]\n"))
        .unwrap();
    let mut command = imagegen(folder);
    command.args(["build", "node", "--recipes", "recipes"]).env("XDG_CACHE_HOME", folder.join("cache"));
    command
}

#[test]
fn everything_wrong_with_a_cloud_image_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let from = "{url: \"ftp://example.org/a.img\", sha256: abc, checksums: SUMS, keys: a.asc}";
    let output = build(folder.path(), from).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr));
}

#[test]
fn a_file_that_is_not_there_is_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    let from = format!("{{url: \"file:///no/such/image.qcow2\", sha256: {}}}", "a".repeat(64));
    let output = build(folder.path(), &from).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr));
}

#[test]
fn an_image_with_another_checksum_stops_the_build_before_anything_of_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("somebody.raw");
    std::fs::write(&image, "this is not what was published").unwrap();
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    std::fs::write(folder.path().join("dist/node.qcow2"), "the last good image").unwrap();
    let from = format!("{{url: \"file://{}\", sha256: {}}}", image.display(), "a".repeat(64));
    let output = build(folder.path(), &from).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("nothing of it was used"), "{said}");
    let left = |folder: &str| -> Vec<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(left(&folder.path().join("dist").display().to_string()), ["node.qcow2"]);
    let kept = left(&folder.path().join("cache/imagegen/bases").display().to_string());
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn the_plan_on_a_built_in_name() {
    let folder = tempfile::tempdir().unwrap();
    let output = build(folder.path(), "ubuntu-24.04").arg("--plan").output().unwrap();
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn the_recipe_that_ci_builds_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = imagegen(folder.path());
    command.args(["build", "node", "--plan", "--recipes"]).arg(project("tests/clouds/recipes"));
    command.env("XDG_CACHE_HOME", folder.path()).assert().success();
}
