//! Every fenced block is executed, or has a mark that says what else covers it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use imagegen::recipe::{Catalogue, Chain, Preload};

use super::pipeline;
use super::{Block, page, pages};
use crate::{imagegen, program, project, text};

/// What becomes of a block, by the marks behind its fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Example {
    /// A workshop file, which gives a text for the hub.
    Workshop,
    /// A prompt, a command and the output that it must print.
    Console,
    /// Commands that run as they stand.
    Commands,
    /// Commands that write the texts of a level, in a copy of the project's fixtures.
    Level,
    /// Commands that build images; the blocks of a page run one after the other, as a slow test.
    Slow,
    /// Commands that CI runs, perhaps with more options.
    Ci,
    /// A pipeline of GitLab; its scripts run as a slow test.
    Pipeline,
    /// The list of container images in a recipe.
    Containers,
    /// Recipes' references to cloud images, one a line.
    CloudImages,
}

const EXAMPLES: [(&str, Example); 9] = [
    ("yaml workshop", Example::Workshop),
    ("console", Example::Console),
    ("sh", Example::Commands),
    ("sh level", Example::Level),
    ("sh slow", Example::Slow),
    ("sh ci", Example::Ci),
    ("yaml pipeline", Example::Pipeline),
    ("yaml containers", Example::Containers),
    ("yaml cloud-images", Example::CloudImages),
];

impl Example {
    fn of(block: &Block) -> Self {
        let known = EXAMPLES.iter().find(|(marks, _)| *marks == block.marks);
        let Some((_, example)) = known else {
            panic!("{}: no test executes a block that is marked `{}`", block.place, block.marks)
        };
        *example
    }
}

fn blocks() -> Vec<Block> {
    pages().iter().flat_map(super::Page::blocks).collect()
}

#[test]
fn every_example_is_executed_or_covered_by_another_test() {
    let mut seen = BTreeSet::new();
    for block in blocks() {
        let example = Example::of(&block);
        seen.insert(example);
        match example {
            Example::Workshop => gives_user_data(&block),
            Example::Console => prints_what_it_shows(&block),
            Example::Commands => {
                let folder = tempfile::tempdir().unwrap();
                run(&block.text, folder.path(), &block.place);
            }
            Example::Level => writes_the_texts_of_a_level(&block),
            Example::Slow => is_sound_shell(&block.text, &block.place),
            Example::Ci => is_run_by_ci(&block),
            Example::Pipeline => pipeline::is_sound(&block),
            Example::Containers => has_one_of_each_kind(&block),
            Example::CloudImages => are_cloud_images(&block),
        }
    }
    assert_eq!(seen.len(), EXAMPLES.len(), "a mark without a block: {seen:?}");
}

#[test]
#[ignore = "slow: it builds all images, again from a lock, and verifies them"]
fn slow_examples_of_a_page_run_one_after_the_other() {
    for page in pages() {
        let folder = tempfile::tempdir().unwrap();
        for block in page.blocks().iter().filter(|block| Example::of(block) == Example::Slow) {
            run(&block.text, folder.path(), &block.place);
        }
    }
}

#[test]
#[ignore = "slow: it builds hub and node"]
fn pipelines_build_what_they_upload() {
    for block in blocks().iter().filter(|block| Example::of(block) == Example::Pipeline) {
        pipeline::builds_what_it_uploads(block);
    }
}

fn gives_user_data(block: &Block) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("workshop.yaml"), &block.text).unwrap();
    let output = imagegen(folder.path()).arg("hub").output().unwrap();
    assert!(output.status.success(), "{}\n{}", block.place, text(&output.stderr));
}

fn prints_what_it_shows(block: &Block) {
    let (command, shown) = block.text.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = shell(folder.path()).args(["-c", &format!("{{ {command}; }} 2>&1")]).output().unwrap();
    assert_eq!(text(&output.stdout), shown, "{}: $ {command}", block.place);
}

/// As a person or a runner does: all lines in one shell, which stops at the first that fails.
pub(super) fn run(script: &str, folder: &Path, place: &str) {
    let output = shell(folder).args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{place}\n{script}\n{}", text(&output.stderr));
}

/// The first line says which level; the rest writes all texts of it.
fn writes_the_texts_of_a_level(block: &Block) {
    let level = block.text.lines().next().and_then(|line| line.strip_prefix("level=")).unwrap();
    let texts = format!("tests/fixtures/levels/{level}");
    let folder = tempfile::tempdir().unwrap();
    for made in ["target/debug", "tests"] {
        std::fs::create_dir_all(folder.path().join(made)).unwrap();
    }
    let link = folder.path().join("target/debug/imagegen");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_imagegen"), link).unwrap();
    let copy = folder.path().join("tests/fixtures");
    Command::new(program("cp")).arg("-r").args([&project("tests/fixtures"), &copy]).assert().success();
    let names = |folder: PathBuf| -> BTreeSet<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    for name in names(folder.path().join(&texts)) {
        std::fs::remove_file(folder.path().join(&texts).join(name)).unwrap();
    }
    run(&block.text, folder.path(), &block.place);
    assert_eq!(names(folder.path().join(&texts)), names(project(&texts)), "{}", block.place);
}

pub(super) fn is_sound_shell(script: &str, place: &str) {
    let output = Command::new(program("bash")).args(["-nc", script]).output().unwrap();
    assert!(output.status.success(), "{place}\n{}", text(&output.stderr));
}

/// A shell in `folder` that finds imagegen.
fn shell(folder: &Path) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_imagegen")).parent().unwrap();
    let mut shell = Command::new(program("bash"));
    shell.current_dir(folder);
    shell.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
    shell
}

/// Each command is one of CI's, whose may have more options.
fn is_run_by_ci(block: &Block) {
    let scripts = [".ci/run", ".ci/test", ".gitlab-ci.yml"];
    let scripts = scripts.map(|path| std::fs::read_to_string(project(path)).unwrap());
    let scripts = scripts.join("\n").replace("\"$IMAGEGEN\"", "target/release/imagegen");
    for command in block.text.lines().flat_map(|line| line.split("&&")) {
        assert!(scripts.lines().any(|line| contains_in_order(line, command)), "{}: {command}", block.place);
    }
}

#[test]
fn ci_run_ends_with_the_second_command_of_readme() {
    let script = std::fs::read_to_string(project(".ci/run")).unwrap();
    assert_eq!(script.lines().next_back(), Some(page("README.md").blocks()[1].text.trim()));
}

fn contains_in_order(line: &str, command: &str) -> bool {
    let mut words = line.split_whitespace();
    !command.trim().is_empty() && command.split_whitespace().all(|wanted| words.any(|word| word == wanted))
}

#[test]
fn a_command_that_ci_does_not_run_is_noticed() {
    assert!(contains_in_order("cargo test --quiet -- --include-ignored", "cargo test"));
    assert!(!contains_in_order("cargo test --quiet -- --include-ignored", "cargo test --release"));
    assert!(!contains_in_order("anything", " "));
}

/// The built-in recipes, with another one for the node.
fn catalogue(node: &str) -> Catalogue {
    let mut files = recipes();
    files.insert("node.yaml".to_owned(), node.as_bytes().to_vec());
    files.insert("keys/publisher.asc".to_owned(), files["clouds/ubuntu.asc"].clone());
    Catalogue::new("images", files).with_archives(["archives/app.tar".to_owned()])
}

fn recipes() -> BTreeMap<String, Vec<u8>> {
    let names = Command::new(program("git")).arg("ls-files").current_dir(project("images")).output().unwrap();
    let names = text(&names.stdout);
    names
        .lines()
        .map(|name| (name.to_owned(), std::fs::read(project("images").join(name)).unwrap()))
        .collect()
}

fn load(recipe: &str, place: &str) -> Chain {
    let chain = Chain::load(&catalogue(recipe), "node");
    chain.unwrap_or_else(|findings| panic!("{place}\n{recipe}\n{findings:?}"))
}

fn with_digests(text: &str) -> String {
    text.replace('…', &"0".repeat(64))
}

fn has_one_of_each_kind(block: &Block) {
    let recipe = format!("version: 1\nfrom: base\n{}", with_digests(&block.text));
    let chain = load(&recipe, &block.place);
    let [Preload::Made(_), Preload::Registry(image), Preload::Archive(_)] = chain.containers() else {
        panic!("{}: {:?}", block.place, chain.containers())
    };
    assert_eq!(image.name, "registry.example.org/team/app");
}

fn are_cloud_images(block: &Block) {
    for line in block.text.lines() {
        let chain = load(&format!("version: 1\n{}\n", with_digests(line)), &block.place);
        assert!(chain.cloud().is_some(), "{}: {line}", block.place);
    }
}

#[test]
fn a_page_beside_recipes_is_in_no_image() {
    let pages: Vec<String> = pages().into_iter().map(|page| page.path).collect();
    let beside: Vec<_> = pages.iter().filter(|path| path.starts_with("images/")).collect();
    assert_eq!(beside, ["images/README.md"], "a page in a recipe's directory is laid over its image");

    let with = recipes();
    let without = with.clone().into_iter().filter(|(path, _)| path != "README.md").collect();
    let [with, without] = [with, without].map(|files| Catalogue::new("images", files));
    for name in with.recipes() {
        let [with, without] = [&with, &without].map(|files| Chain::load(files, name).unwrap().digest());
        assert_eq!(with, without, "{name}");
    }
}
