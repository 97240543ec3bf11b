//! The one integration crate: what users see, by the built binary.
//!
//! What bootstraps packages is slow and counted as ignored, unless `cargo test -- --include-ignored` runs it, as CI does.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong, and starts the program as a user does"
)]

mod advisories;
mod architecture;
mod budgets;
mod build;
mod certificates;
mod cli;
mod clouds;
mod failures;
mod fuzz;
mod guest;
mod hygiene;
mod inspect;
mod lock;
mod loopback;
mod nasty;
mod output;
mod pages;
mod pipelines;
mod registry;
mod secrets;
mod tidy;
mod tools;
mod userdata;
mod workshops;

use std::fmt::Debug;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use tools::program;

/// The built program, run in `folder`.
fn imagegen(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imagegen"));
    command.current_dir(folder).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The built-in recipes in a new folder within `folder`, with another one for the node.
fn recipes_with(folder: &Path, node: &str) -> PathBuf {
    let recipes = folder.join("recipes");
    Command::new(program("cp")).arg("-r").args([project("images"), recipes.clone()]).assert().success();
    std::fs::write(recipes.join("node.yaml"), node).unwrap();
    recipes
}

/// Puts a shell script in the place of mmdebstrap; gives the `PATH` by which it is found before the real one.
fn path_with_mmdebstrap(folder: &Path, script: &str) -> String {
    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    let program = programs.join("mmdebstrap");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap())
}

/// Puts the disk that is in an image into the file `raw`.
fn convert(image: &Path, raw: &Path) {
    Command::new(program("qemu-img")).args(["convert", "-O", "raw"]).args([image, raw]).assert().success();
}

/// Compares the files that an event names with what is in `folder`.
fn are_as_told(files: &[serde_json::Value], folder: &Path) {
    for file in files {
        let path = folder.join(file["path"].as_str().unwrap());
        let (sha256, bytes) = imagegen::build::hash(&path).unwrap();
        assert_eq!((file["sha256"].as_str(), file["bytes"].as_u64()), (Some(sha256.as_str()), Some(bytes)));
    }
}

/// One value of a strategy; a deterministic runner gives the same ones in each run.
fn sample<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Looks until what is waited for is there, and gives it. The failure has what there was last.
fn wait_for<Found, Seen: Debug>(what: &str, mut look: impl FnMut() -> Result<Found, Seen>) -> Found {
    const BOUND: Duration = Duration::from_secs(300);
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > BOUND => {
                panic!("waited {BOUND:?} in vain for {what}; what was there last: {seen:?}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The command lines of processes that name a folder.
fn processes_with(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    // Processes end while they are looked at.
    let lines = processes.filter_map(|process| std::fs::read(process.join("cmdline")).ok());
    lines.map(|line| text(&line)).filter(|line| line.contains(&name)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
