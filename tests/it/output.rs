//! `--output`: a text with secrets is whole and private wherever it goes.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use assert_cmd::Command;

use crate::{imagegen, program, text};

const NODE: [&str; 3] = ["node", "--hub-ip", "10.0.0.5"];

fn node(folder: &Path, output: &[&str]) -> std::process::Output {
    imagegen(folder).args(NODE).args(output).output().unwrap()
}

/// A folder with secrets, and the text that nodes get by them.
fn prepared() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let text = text(&node(folder.path(), &[]).stdout);
    (folder, text)
}

/// Runs a script with the built program as `imagegen`; gives what it printed.
fn shell(folder: &Path, script: &str) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_imagegen")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let output = Command::new(program("bash"))
        .args(["-ec", script])
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}\n{}", text(&output.stderr));
    text(&output.stdout)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_private_and_replaced_as_a_whole() {
    let (folder, wanted) = prepared();
    let file = folder.path().join("node.yaml");
    for _ in 0..2 {
        let output = node(folder.path(), &["--output", "node.yaml"]);
        assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), wanted);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        std::fs::write(&file, wanted.repeat(2)).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    }
    imagegen(folder.path()).args(["users", "--passwords", "--output", "users"]).assert().success().stdout("");
    assert_eq!(names(folder.path()), ["node.yaml", "users", "workshop.secrets.yaml"]);
}

#[test]
fn a_link_stays_a_link_and_its_file_is_replaced() {
    let (folder, wanted) = prepared();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    symlink("deep/node.yaml", folder.path().join("link")).unwrap();
    for _ in 0..2 {
        assert!(node(folder.path(), &["--output", "link"]).status.success());
        assert!(folder.path().join("link").is_symlink());
        let file = folder.path().join("deep/node.yaml");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), wanted);
        std::fs::write(&file, "old").unwrap();
    }
    assert_eq!(names(&folder.path().join("deep")), ["node.yaml"]);
}

#[test]
fn where_nothing_can_be_written_is_told_before_secrets_are_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    for (path, reason) in [
        ("folder", "Is a directory"),
        ("nowhere/node.yaml", "the folder of nowhere/node.yaml does not exist"),
        ("loop", "cannot be written"),
        ("/proc/node.yaml", "cannot be written"),
    ] {
        let output = node(folder.path(), &["--output", path]);
        assert_eq!(output.status.code(), Some(1), "{path}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(reason), "{path}: {}", text(&output.stderr));
    }
    assert_eq!(names(folder.path()), ["folder", "loop"]);
}

#[test]
fn pipes_and_devices_are_written_to_as_a_shell_does() {
    let (folder, wanted) = prepared();
    let run = format!("imagegen {}", NODE.join(" "));
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(shell(folder.path(), &format!("{run} --output {name} 2>/dev/null")), wanted, "{name}");
    }
    shell(folder.path(), &format!("{{ echo first; {run} --output /dev/stdout; echo last; }} >all"));
    assert_eq!(std::fs::read_to_string(folder.path().join("all")).unwrap(), format!("first\n{wanted}last\n"));
    let fifo = format!("mkfifo fifo; cat fifo & {run} --output fifo; wait; test -p fifo");
    assert_eq!(shell(folder.path(), &fifo), wanted);
    assert_eq!(shell(folder.path(), &format!("{run} --output >(cat) | cat")), wanted);
    shell(folder.path(), &format!("{run} --output /dev/null; test -c /dev/null"));
    let full = node(folder.path(), &["--output", "/dev/full"]);
    assert_eq!(full.status.code(), Some(4), "{}", text(&full.stderr));
}

#[test]
fn a_good_file_stays_when_the_disk_is_full_or_the_input_wrong() {
    let (folder, _) = prepared();
    // In a mount namespace of its own, an ordinary user may mount a small disk too.
    let script = "mkdir disk && mount -t tmpfs -o size=4k none disk && echo good >disk/node.yaml\n\
                  imagegen node --hub-ip 10.0.0.5 --output disk/node.yaml && exit 1\n\
                  imagegen node --hub-ip 127.0.0.1 --output disk/node.yaml && exit 1\n\
                  mount -o remount,ro disk\n\
                  imagegen node --hub-ip 10.0.0.5 --output disk/node.yaml 2>said && exit 1\n\
                  grep -q 'disk/node.yaml cannot be written: Read-only file system' said\n\
                  ls -A disk; cat disk/node.yaml";
    std::fs::write(folder.path().join("script"), script).unwrap();
    let shown = shell(folder.path(), "unshare --user --map-root-user --mount bash -e script");
    assert_eq!(shown, "node.yaml\ngood\n");
}
