//! The one integration crate: what users see, by the built binary.
//!
//! Tests that bootstrap images or boot machines take minutes; they run when `IMAGEGEN_SLOW_TESTS` is set, as CI does,
//! and say so when they do not run.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at the first thing that is wrong, starts the program as a user does, and may say why it did not run"
)]

mod build;
mod cli;
mod guest;
mod readme;
mod tidy;
mod userdata;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The built program, run in `folder`.
fn imagegen(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imagegen"));
    command.current_dir(folder).env_remove("NO_COLOR");
    command
}

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
