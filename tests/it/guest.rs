//! The scripts that run inside instances, as far as they can run here.

use assert_cmd::Command;

use crate::{project, text};

/// Runs a command in a network of its own, which has a loopback interface and nothing else: the programs of instances have
/// fixed ports, and the same tests may run twice at once. Root stays root, who may become other users.
fn alone() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    command
}

#[test]
fn the_python_scripts_do_what_their_tests_say() {
    let output = alone()
        .args([
            "/usr/bin/python3",
            "-B",
            "-m",
            "unittest",
            "discover",
            "-s",
            "tests/guest",
            "-t",
            "tests/guest",
        ])
        .env("IMAGEGEN", env!("CARGO_BIN_EXE_imagegen"))
        .current_dir(project(""))
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}

#[test]
fn shell_scripts_pass_shellcheck() {
    let files = Command::new("git")
        .args(["ls-files", "*.sh", "images/base/usr/sbin", ".ci"])
        .current_dir(project(""))
        .output()
        .unwrap();
    let files = text(&files.stdout);
    assert!(files.lines().count() >= 4, "{files}");
    let is_python = |file: &str| {
        file.ends_with(".py")
            || std::fs::read_to_string(project(file)).unwrap().starts_with("#!/usr/bin/env python3")
    };
    // Templates are looked at as they are in user-data, with the other files of it.
    let is_template = |file: &str| std::fs::read_to_string(project(file)).unwrap().contains("{{ ");
    for file in files.lines().filter(|file| !is_python(file) && !is_template(file)) {
        let shell = if file.starts_with(".ci/") { "bash" } else { "sh" };
        Command::new("shellcheck").args(["--shell", shell, file]).current_dir(project("")).assert().success();
    }
}
