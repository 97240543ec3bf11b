//! Strings that break quoting, through every field that takes them, read back by the programs that read such files in an
//! instance.

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::{imagegen, program, project, text};

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

/// A generator of numbers that is the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn string(&mut self) -> String {
        (0..=self.below(5)).map(|_| ATOMS[self.below(ATOMS.len())]).collect()
    }

    /// One that a field takes: those that it refuses are refused in other tests.
    fn taken(&mut self, takes: fn(&str) -> bool) -> String {
        loop {
            let string = self.string();
            if takes(&string) {
                return string;
            }
        }
    }
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn is_file_name(text: &str) -> bool {
    is_printable(text) && !text.is_empty() && !text.contains('/') && text != "..."
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEe7xJlXn2mP0s7cQ4V1r8b6k3yZ5t9u2w4A6C8E0G1I";

/// A workshop with a nasty string in every place, and how many there are.
fn workshop(random: &mut Random) -> (Value, usize) {
    let users: Vec<Value> =
        (0..120).map(|number| json!({"name": format!("u{number}"), "uid": 2001 + number})).collect();
    let content = |random: &mut Random, path: String| json!({"path": path, "content": random.string()});
    let mut files: Vec<Value> =
        (0..300).map(|number| content(random, format!("/srv/content/{number}"))).collect();
    files.extend((0..80).map(|number| {
        let path = format!("/srv/names/{number}-{}", random.taken(is_file_name));
        content(random, path)
    }));
    let keys: Vec<String> = (0..40).map(|_| format!("{KEY} {}", random.taken(is_printable))).collect();
    let tag = random.taken(|text| !text.contains(['{', '}']));
    let count = files.len() + 80 + keys.len() + 1;
    let workshop = json!({
        "version": 1, "users": users, "node": {"files": files}, "admin_ssh_keys": keys,
        "docker": {"options": {"log-opts": {"tag": tag}}},
    });
    (workshop, count)
}

/// JSON is YAML, but for a few characters that YAML wants escaped.
fn as_yaml(value: &Value) -> String {
    ['\u{7f}', '\u{85}', '\u{2028}', '\u{feff}']
        .into_iter()
        .fold(value.to_string(), |text, c| text.replace(c, &format!("\\u{:04x}", u32::from(c))))
}

#[test]
fn ten_thousand_nasty_strings_come_back_unchanged() {
    let mut random = Random(2016);
    let mut count = 0;
    for batch in 0..24 {
        let folder = tempfile::tempdir().unwrap();
        let (workshop, strings) = workshop(&mut random);
        count += strings;
        std::fs::write(folder.path().join("workshop.yaml"), as_yaml(&workshop)).unwrap();
        let output =
            imagegen(folder.path()).args(["node", "--hub-ip", "10.0.0.5", "--for", "nova"]).output().unwrap();
        assert!(output.status.success(), "batch {batch}: {}", text(&output.stderr));
        std::fs::write(folder.path().join("user-data"), &output.stdout).unwrap();
        let mut reader = Command::new(program("python3"));
        reader.arg("-B").arg(project("tests/guest/nasty.py")).arg("user-data").current_dir(folder.path());
        reader.assert().success();
    }
    assert!(count >= 10_000, "{count}");
}

/// autofs' own reader, for the strings that its maps take: those that would need quoting are refused.
#[test]
fn autofs_reads_the_maps_as_they_were_meant() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(1999);
    let mut word = |letters: &str| -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..=random.below(8)).map(|_| letters[random.below(letters.len())]).collect()
    };
    let shares: Vec<(String, String)> = (0..200)
        .map(|number| {
            (
                format!("/data/{number}{}", word("abZ0-_.+@")),
                format!("/x{}/{}y", word("abZ0-_+@"), word("abZ0-_.+@")),
            )
        })
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
