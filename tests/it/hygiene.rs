//! What must not be in an image: the plan's rules and the script inside a cloud image's machine judge the same things alike.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use assert_cmd::Command;
use imagegen::plan::hygiene::{self, PathVerdict};
use serde_json::{Value as Json, json};

use crate::project;

/// Paths of files that a used machine may have beside what the rules name; some that go, some that stay.
const USED: &[&str] = &[
    "etc/hostname",
    "etc/machine-id",
    "etc/netplan/50-cloud-init.yaml",
    "etc/netplan/60-mine.yaml",
    "etc/passwd",
    "etc/ssh/ssh_config",
    "home/ada/.ssh/authorized_keys",
    "home/ada/notes/.ssh",
    "srv/hub/jupyterhub_cookie_secret",
    "etc/ssh/ssh_host_rsa_key.pub",
    "etc/systemd/network/10-cloud-init-enp1s0.network",
    "etc/systemd/network/20-mine.network",
    "root/.bashrc",
    "root/.ssh/authorized_keys",
    "tmp/a/b",
    "usr/sbin/policy-rc.d",
    "var/cache/apt/archives/a.deb",
    "var/cache/debconf/config.dat-old",
    "var/lib/cloud/instances/a/user-data.txt",
    "var/lib/dhcp/dhclient.leases",
    "var/lib/docker/engine-id",
    "var/lib/dpkg/info/a.list",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status-old",
    "var/log/README",
    "var/log/apt/term.log",
    "var/log/journal/a/system.journal",
    "var/log/nginx/access.log",
    "var/log/syslog",
    "var/log/syslog.1",
    "var/log/syslog.2.gz",
    "var/log/wtmp",
    "var/tmp/a",
];

/// Runs a program of Python's that knows the script as `hygiene`, the rules as `rules`, and `given`; gives what it prints.
fn ask_the_script(program: &str, given: &Json) -> Json {
    let program = format!("import json, sys, hygiene\nrules, given = json.load(sys.stdin)\n{program}");
    let input = json!([hygiene::rules(), given]).to_string();
    let mut python = Command::new(crate::program("python3"));
    python.args(["-B", "-c", &program]).env("PYTHONPATH", project("userdata/provision"));
    let printed = python.write_stdin(input).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&printed).unwrap()
}

/// For each kind of place in the rules: what is there, in it and beside it.
fn around(kind: &str, place: &Json) -> Vec<String> {
    let text = |place: &Json| place.as_str().unwrap().to_owned();
    let at = match (kind, place) {
        ("like", place) => {
            let (folder, start, end) = (text(&place[0]), text(&place[1]), text(&place[2]));
            return vec![
                format!("{folder}/{start}a{end}"),
                format!("{folder}/{start}folder{end}/kept"),
                format!("{folder}/{start}inner/a{end}"),
                format!("{folder}/inner/{start}a{end}"),
                format!("{folder}.d/{start}a{end}"),
            ];
        }
        ("home", place) => {
            let place = text(place);
            return ["root", "home/ada", "home/ada/notes", "home"]
                .map(|home| format!("{home}/{place}"))
                .into();
        }
        ("named", place) => {
            let name = text(place);
            return vec![format!("srv/a/{name}"), format!("srv/b/{name}/a"), format!("srv/c/{name}.d")];
        }
        (_, place) => text(place),
    };
    let beside = format!("{at}.beside");
    if kind == "in" { vec![format!("{at}/a"), format!("{at}/b/c"), beside] } else { vec![at, beside] }
}

/// The planted files: each with a text.
fn plant(root: &Path) -> Vec<String> {
    let rules = serde_json::to_value(hygiene::rules()).unwrap();
    let places = rules["dropped"].as_array().unwrap().iter().flat_map(|place| place.as_object().unwrap());
    let named = places.flat_map(|(kind, place)| around(kind, place));
    let others = ["empty", "forbidden"].into_iter().flat_map(|list| rules[list].as_array().unwrap().clone());
    let others = others.map(|path| path.as_str().unwrap().to_owned());
    let used = USED.iter().map(|path| (*path).to_owned());
    let mut planted: Vec<_> = named.chain(others).chain(used).collect();
    planted.sort();
    planted.dedup();
    // What others are below is a folder.
    let all = planted.clone();
    planted.retain(|path| !all.iter().any(|other| other.starts_with(&format!("{path}/"))));
    for path in &planted {
        let file = root.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "used").unwrap();
    }
    planted
}

#[test]
fn the_script_inside_cleans_a_planted_tree_as_the_plan_judges_it() {
    let root = tempfile::tempdir().unwrap();
    let planted = plant(root.path());
    let program = "hygiene.clean(given, rules)\nprint(json.dumps(hygiene.forbidden(given, rules)))";
    let forbidden = ask_the_script(program, &json!(root.path()));
    let mut counts = BTreeMap::<_, u32>::new();
    for path in &planted {
        let content = std::fs::read_to_string(root.path().join(path)).ok();
        let (kind, expected) = match hygiene::verdict(path) {
            PathVerdict::Drop => ("goes", None),
            PathVerdict::Keep => ("stays", Some("used")),
            PathVerdict::Empty => ("is emptied", Some("")),
        };
        assert_eq!(content.as_deref(), expected, "{path} {kind} by the plan");
        assert_eq!(hygiene::broken_rule(path).is_some(), content.is_none(), "an inspection of {path}");
        *counts.entry(kind).or_default() += 1;
    }
    assert!(counts["goes"] > 100 && counts["stays"] > 50 && counts["is emptied"] > 1, "{counts:?}");
    let wanted: Vec<_> = planted.iter().filter(|path| hygiene::forbidden(path).is_some()).collect();
    assert_eq!(forbidden, json!(wanted));
    assert!(root.path().join("var/lib/docker").is_dir(), "an emptied folder stays");
}

/// Tables with every pair of a name and a password or UID, and lines that are no rows.
fn tables() -> (String, String) {
    const NAMES: [&str; 7] = ["root", "toor", "nobody", "ada", "_apt", "Root", ""];
    const PASSWORDS: [&str; 11] =
        ["x", "xAbcdefghijkl", "*", "!", "!!", "!*", "", "$6$a$b", "!$6$a$b", "*LK*", "NP"];
    const UIDS: [&str; 16] = [
        "0",
        "00",
        "+0",
        "-0",
        "1",
        "999",
        "1000",
        "1001",
        "65534",
        "4294967295",
        "4294967296",
        "\u{b2}",
        "1_0",
        " 0",
        "x",
        "",
    ];
    let (mut passwd, mut shadow) = ("\nodd\nodd:x\n".to_owned(), "\nodd\nodd:\r\nodd\u{c}:*\n".to_owned());
    for name in NAMES {
        for password in PASSWORDS {
            writeln!(shadow, "{name}:{password}:20000:0:99999:7:::").unwrap();
        }
        for uid in UIDS {
            writeln!(passwd, "{name}:x:{uid}:100:A\u{c}B\u{2028}C:/home/{name}:/bin/sh").unwrap();
        }
    }
    (passwd, shadow)
}

#[test]
fn the_script_inside_finds_the_accounts_that_the_plan_finds() {
    let (passwd, shadow) = tables();
    let program = "passwd, shadow = given
print(json.dumps([
    hygiene.login_users(passwd, rules),
    hygiene.with_password(shadow, rules),
    hygiene.with_password(passwd, rules),
    hygiene.masked(shadow),
]))";
    let found = ask_the_script(program, &json!([passwd, shadow]));
    let users = hygiene::login_users(&passwd);
    assert!(users.contains(&"toor") && users.contains(&"Root") && users.contains(&"root"), "{users:?}");
    assert_eq!(found[0], json!(users));
    let open = hygiene::accounts_with_password(&shadow);
    assert_eq!(found[1], json!(open));
    assert_eq!(found[2], json!(hygiene::accounts_with_password(&passwd)));
    let masked = found[3].as_str().unwrap();
    assert_eq!(hygiene::accounts_with_password(masked), open, "nothing is lost with the hashes");
    assert!(!masked.contains("$6$"));
}
