//! Tells the compiler which commit the program is built from, in `IMAGEGEN_COMMIT`: `1f2e3d4c5b6a 2026-11-28`, or nothing.
//!
//! `git archive` writes the commit into `.cargo/commit`, and a clone is asked, but for release builds alone: to name it in
//! others, Cargo would have to compile all tests anew after each commit. Any other copy of the sources has none.

// Cargo takes what a build script prints, and nothing of the program runs here.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::path::Path;
use std::process::Command;

fn main() {
    let archived = include_str!("commit").trim();
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match archived.strip_prefix('$') {
        None => short(archived, false),
        Some(_) if is_release => from_git().unwrap_or_default(),
        Some(_) => String::new(),
    };
    println!("cargo::rustc-env=IMAGEGEN_COMMIT={commit}");
    println!("cargo::rerun-if-changed=.cargo/commit");
    if is_release {
        watch_git();
    }
}

/// The commit of a clone, marked where files of the program differ from it.
fn from_git() -> Option<String> {
    // A folder above may be a repository of somebody else.
    Path::new(".git").exists().then_some(())?;
    let head = git(&["log", "-1", "--format=%H %cs"])?;
    let changed = git(&[
        "--no-optional-locks",
        "status",
        "--porcelain",
        "Cargo.lock",
        "Cargo.toml",
        "images",
        "src",
        "userdata",
    ]);
    Some(short(&head, !changed?.is_empty()))
}

/// The commit's first twelve digits and its day.
fn short(line: &str, is_changed: bool) -> String {
    let (hash, day) = line.split_once(' ').unwrap_or((line, ""));
    let mark = if is_changed { "+changes" } else { "" };
    format!("{}{mark} {day}", hash.get(..12).unwrap_or(hash))
}

/// Has Cargo run this again where the answer may be another: after a commit or a checkout, and when the program changes,
/// which is compiled then anyway. A file that is missing would have it run each time.
fn watch_git() {
    let git_files = ["HEAD", "logs/HEAD"].map(|name| git(&["rev-parse", "--git-path", name]));
    let own = ["Cargo.toml", "images", "src", "userdata"].map(|name| Some(name.to_owned()));
    for path in git_files.into_iter().chain(own).flatten().filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What git prints, without the end of its line; nothing where there is no git or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
