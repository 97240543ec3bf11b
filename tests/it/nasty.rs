//! Strings that break quoting, through every field that takes them, read back by the programs that read such files in an
//! instance.

use std::path::Path;

use assert_cmd::Command;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::{imagegen, program, project, sample, text};

/// What has broken somebody's YAML, shell, Python, passwd file or template before.
const ATOMS: &[&str] = &[
    "'",
    "\"",
    "''",
    "\\",
    "\\n",
    "$(id)",
    "${HOME}",
    "`id`",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "=",
    "<<",
    "<<EOF",
    "#",
    " # ",
    ": ",
    ":",
    "- ",
    "---",
    "...",
    "|",
    ">",
    "&a",
    "*a",
    "!x",
    "%n",
    "%%",
    "@",
    "{{ x }}",
    "{% x %}",
    "{",
    "}",
    "[",
    "]",
    ",",
    " ",
    "  ",
    "no",
    "yes",
    "null",
    "~",
    "007",
    "0x1f",
    "1e3",
    "1_000",
    "12:30:00",
    "2026-11-23",
    ".inf",
    "é",
    "ß",
    "日本",
    "🦀",
    "\u{2028}",
    "\u{85}",
    "\u{feff}",
    "\u{1}",
    "\u{7f}",
    "&amp;",
    "<b>",
    ";",
    "&&",
    "|| true",
    "*",
    "?",
    "/",
    "a",
    "Z",
    "0",
];

fn nasty() -> impl Strategy<Value = String> {
    vec(prop::sample::select(ATOMS), 1..=5).prop_map(|atoms| atoms.concat())
}

/// Strings that a field takes: those that it refuses are refused in other tests.
fn nasty_if(takes: fn(&str) -> bool) -> impl Strategy<Value = String> {
    nasty().prop_filter("the field refuses it", move |string| takes(string))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn is_file_name(text: &str) -> bool {
    is_printable(text) && !text.is_empty() && !text.contains('/') && text != "..."
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEe7xJlXn2mP0s7cQ4V1r8b6k3yZ5t9u2w4A6C8E0G1I";

/// A workshop with 501 nasty strings: contents of files, names of files, comments of keys, and an option of Docker's.
fn workshop() -> impl Strategy<Value = Value> {
    let contents = vec(nasty(), 300);
    let named = vec((nasty_if(is_file_name), nasty()), 80);
    let keys = vec(nasty_if(is_printable), 40);
    let tag = nasty_if(|text| !text.contains(['{', '}']));
    (contents, named, keys, tag).prop_map(|(contents, named, keys, tag)| {
        let unnamed = contents.into_iter().map(|content| (String::new(), content));
        let file = |(number, (name, content)): (usize, (String, String))| {
            json!({"path": format!("/srv/names/{number}-{name}"), "content": content})
        };
        let users = (0..120).map(|number| json!({"name": format!("u{number}"), "uid": 2001 + number}));
        json!({
            "version": 1,
            "users": users.collect::<Vec<_>>(),
            "node": {"files": unnamed.chain(named).enumerate().map(file).collect::<Vec<_>>()},
            "admin_ssh_keys": keys.iter().map(|comment| format!("{KEY} {comment}")).collect::<Vec<_>>(),
            "docker": {"options": {"log-opts": {"tag": tag}}},
        })
    })
}

/// JSON is YAML, but for a few characters that YAML wants escaped.
fn as_yaml(value: &Value) -> String {
    ['\u{7f}', '\u{85}', '\u{2028}', '\u{feff}']
        .into_iter()
        .fold(value.to_string(), |text, c| text.replace(c, &format!("\\u{:04x}", u32::from(c))))
}

/// Compares the user-data of a folder with its workshop file, by the readers of an instance.
fn read_back(folder: &Path) -> Result<(), String> {
    let mut reader = Command::new(program("python3"));
    reader.arg("-B").arg(project("tests/guest/nasty.py")).arg("user-data").current_dir(folder);
    let output = reader.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
}

/// Writes a workshop file and its node's user-data into a folder.
fn write_userdata(folder: &Path, workshop: &Value) -> Result<(), String> {
    std::fs::write(folder.join("workshop.yaml"), as_yaml(workshop)).unwrap();
    let arguments = ["node", "--hub-ip", "10.0.0.5", "--for", "nova"];
    let output = imagegen(folder).args(arguments).output().unwrap();
    std::fs::write(folder.join("user-data"), &output.stdout).unwrap();
    if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
}

/// The same strings in each run: 24 workshops of 501.
#[test]
fn ten_thousand_nasty_strings_come_back_unchanged() {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::with_cases(24) };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let outcome = runner.run(&workshop(), |workshop| {
        let folder = tempfile::tempdir().unwrap();
        write_userdata(folder.path(), &workshop).map_err(TestCaseError::fail)?;
        read_back(folder.path()).map_err(TestCaseError::fail)
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn a_string_that_came_back_changed_would_be_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut workshop = sample(&mut TestRunner::deterministic(), &workshop());
    write_userdata(folder.path(), &workshop).unwrap();
    read_back(folder.path()).unwrap();
    for place in [
        "/node/files/7/content",
        "/node/files/303/content",
        "/admin_ssh_keys/39",
        "/docker/options/log-opts/tag",
        "/users/119/name",
    ] {
        let value = workshop.pointer_mut(place).unwrap();
        let changed = format!("{}x", value.as_str().unwrap());
        let original = std::mem::replace(value, changed.into());
        std::fs::write(folder.path().join("workshop.yaml"), as_yaml(&workshop)).unwrap();
        assert!(read_back(folder.path()).is_err(), "{place}");
        *workshop.pointer_mut(place).unwrap() = original;
    }
}

/// autofs' own reader, for the strings that its maps take: those that would need quoting are refused.
#[test]
fn autofs_reads_the_maps_as_they_were_meant() {
    let folder = tempfile::tempdir().unwrap();
    let share = ("[abZ0_.+@-]{1,8}", "/x[abZ0_+@-]{1,8}/[abZ0_.+@-]{1,8}y");
    let shares = sample(&mut TestRunner::deterministic(), &vec(share, 200));
    let shares: Vec<(String, String)> = shares
        .into_iter()
        .enumerate()
        .map(|(number, (name, from))| (format!("/data/{number}{name}"), from))
        .collect();
    let maps: Vec<Value> = shares
        .iter()
        .map(|(path, from)| json!({"path": path, "from": format!("nas.example.org:{from}")}))
        .collect();
    let workshop = json!({"version": 1, "autofs": {"mount_options": ["nconnect=4"], "maps": maps}});
    std::fs::write(folder.path().join("workshop.yaml"), workshop.to_string()).unwrap();
    let output =
        imagegen(folder.path()).args(["node", "--hub-ip", "10.0.0.5", "--for", "nova"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::write(folder.path().join("user-data"), &output.stdout).unwrap();
    let mut unpack = Command::new(program("python3"));
    unpack.arg(project("tests/guest/unpack.py")).args(["user-data", "root"]).current_dir(folder.path());
    unpack.assert().success();
    // It reads /etc and nothing else: in a mount namespace of its own that is the user-data's.
    std::fs::write(folder.path().join("root/etc/auto.master"), "+dir:/etc/auto.master.d\n").unwrap();
    std::fs::copy("/etc/nsswitch.conf", folder.path().join("root/etc/nsswitch.conf")).unwrap();
    let dump = "mount --bind root/etc /etc && automount -m";
    let mut reader = Command::new(program("unshare"));
    reader.args(["--map-root-user", "--mount", "sh", "-c", dump]).current_dir(folder.path());
    let read = text(&reader.output().unwrap().stdout);
    for (path, from) in shares {
        let line = format!("{path} | -fstype=nfs4,vers=4.2,hard,nosuid,nodev,ro nas.example.org:{from}");
        assert!(read.lines().any(|seen| seen.trim() == line), "{line}\n{read}");
    }
    let homes = "* | -fstype=nfs4,vers=4.2,hard,nosuid,nodev,noatime,nconnect=4 10.0.0.5:/home/&";
    assert!(read.contains(homes), "{read}");
}
