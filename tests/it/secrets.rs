//! The secrets of a workshop: made once, kept to oneself, never lost for good.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use crate::{imagegen, program, project, text};

const NODE: [&str; 3] = ["node", "--hub-ip", "10.0.0.5"];
const CARDS: [&str; 5] = ["users", "--format", "cards", "--address", "jupyter.example.org"];

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.at(name), content).unwrap();
    }

    fn secrets(&self) -> String {
        std::fs::read_to_string(self.at("workshop.secrets.yaml")).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = imagegen(self.0.path());
        command.args(arguments);
        command
    }

    /// What a run prints that succeeds, and what it says.
    fn runs(&self, arguments: &[&str]) -> (String, String) {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    }

    /// What a run says that finds its input wrong.
    fn refuses(&self, arguments: &[&str]) -> String {
        refusal(&mut self.command(arguments))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{said}");
    said
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What a secrets file has beside the authority, whose key is in no text.
fn without_authority(secrets: &str) -> &str {
    secrets.split_once("authority:\n").unwrap().0
}

fn passwords(place: &Place, workshop: &str) -> Vec<String> {
    let (table, _) = place.runs(&["users", "--format", "json", "--passwords", "--workshop", workshop]);
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    table.as_array().unwrap().iter().map(|user| user["password"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_workshops_in_one_folder_share_no_password() {
    let place = Place::new();
    place.write("spring.yaml", "version: 1\nname: spring\n");
    place.write("autumn.yaml", "version: 1\nname: autumn\n");
    place.runs(&["hub", "--workshop", "spring.yaml"]);
    let (spring, autumn) = (passwords(&place, "spring.yaml"), passwords(&place, "autumn.yaml"));
    assert_eq!((spring.len(), autumn.len()), (30, 30));
    assert!(spring.iter().all(|password| !autumn.contains(password)));
}

#[test]
fn users_and_looks_at_a_text_never_make_secrets() {
    let place = Place::new();
    for arguments in [&CARDS[..], &["users", "--passwords"]] {
        let said = place.refuses(arguments);
        assert!(said.contains("imagegen hub") && said.contains("imagegen restore-secrets"), "{said}");
    }
    let other = Place::new();
    place.write("old", &other.runs(&NODE).0);
    place.runs(&["hub", "--sizes"]);
    let (shown, said) = place.runs(&[&NODE[..], &["--diff", "old"]].concat());
    assert!(shown.contains("join_key") && said.contains("restore-secrets"), "{shown}{said}");
    assert_eq!(place.names(), ["old"]);
}

#[test]
fn lost_secrets_come_back_from_the_hubs_text_but_for_the_authority() {
    let place = Place::new();
    place.write("workshop.yaml", "version: 1\nname: galaxy\n");
    let forms = [&["hub"][..], &["hub", "--stock"]].map(|arguments| place.runs(arguments).0);
    let (kept, node) = (place.secrets(), place.runs(&NODE).0);
    for hub in forms {
        place.write("hub.yaml", &hub);
        std::fs::remove_file(place.at("workshop.secrets.yaml")).unwrap();
        let (shown, said) = place.runs(&["restore-secrets", "hub.yaml"]);
        assert!(shown.is_empty() && said.contains("workshop galaxy"), "{said}");
        assert!(!said.contains("warning"), "{said}");
        assert!(said.contains("The authority for the page's certificate is new"), "{said}");
        assert_eq!(without_authority(&place.secrets()), without_authority(&kept));
        assert_ne!(place.secrets(), kept);
        assert_eq!(mode(&place.at("workshop.secrets.yaml")), 0o600);
        assert_eq!(place.runs(&NODE).0, node);
        place
            .command(&["restore-secrets", "-", "--secrets", "piped.yaml"])
            .write_stdin(hub)
            .assert()
            .success();
        let piped = std::fs::read_to_string(place.at("piped.yaml")).unwrap();
        assert_eq!(without_authority(&piped), without_authority(&kept));
        std::fs::remove_file(place.at("piped.yaml")).unwrap();
    }
}

#[test]
fn a_classic_hub_gives_back_what_passwords_need() {
    let place = Place::new();
    place.write("workshop.yaml", "version: 1\nengine: classic\n");
    place.write("hub.yaml", &place.runs(&["hub"]).0);
    let table = ["users", "--passwords"];
    let passwords = place.runs(&table).0;
    std::fs::remove_file(place.at("workshop.secrets.yaml")).unwrap();
    let (_, said) = place.runs(&["restore-secrets", "hub.yaml"]);
    assert!(said.contains("swarm"), "{said}");
    assert_eq!(place.runs(&table).0, passwords);
}

#[test]
fn secrets_are_never_overwritten_and_not_restored_from_other_texts() {
    let place = Place::new();
    place.write("hub.yaml", &place.runs(&["hub"]).0);
    place.write("node.yaml", &place.runs(&NODE).0);
    let kept = place.secrets();
    let said = place.refuses(&["restore-secrets", "hub.yaml"]);
    assert!(said.contains("never overwritten"), "{said}");
    assert_eq!(place.secrets(), kept);
    std::fs::remove_file(place.at("workshop.secrets.yaml")).unwrap();
    place.write("junk", "hello\n");
    for (name, reason) in
        [("node.yaml", "of a node"), ("junk", "#cloud-config"), ("nowhere", "No such file or directory")]
    {
        let said = place.refuses(&["restore-secrets", name]);
        assert!(said.contains(reason), "{said}");
    }
    assert_eq!(place.names(), ["hub.yaml", "junk", "node.yaml"]);
    place.write("workshop.yaml", "version: 1\nname: galaxy\n");
    let (_, said) = place.runs(&["restore-secrets", "hub.yaml"]);
    assert!(said.contains("name: training"), "{said}");
}

#[test]
fn file_cards_and_check_show_one_id_which_other_secrets_do_not_have() {
    let (place, other) = (Place::new(), Place::new());
    let (hub, said) = place.runs(&["hub"]);
    let id = said.split("has the id ").nth(1).unwrap().split('.').next().unwrap().to_owned();
    assert_eq!(id.len(), 8);
    assert!(place.secrets().contains(&format!("# With them, the workshop training has the id {id}.")));
    for text in [hub, place.runs(&NODE).0] {
        assert!(text.lines().nth(1).unwrap().contains(&format!(", id {id}. Made by imagegen")), "{text}");
        assert!(text.contains(&format!("\"workshop_id\": \"{id}\"")), "{text}");
    }
    assert!(place.runs(&["check"]).0.contains(&format!("id {id}")));
    assert_eq!(place.runs(&CARDS).0.matches(&id).count(), 30);
    other.runs(&["hub"]);
    assert!(!other.runs(&CARDS).0.contains(&id));
}

#[test]
fn many_at_once_make_one_secret() {
    let place = Place::new();
    let texts: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| place.runs(&NODE).0)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(texts.iter().all(|text| *text == texts[0]));
    assert_eq!(place.names(), ["workshop.secrets.yaml"]);
}

#[test]
fn a_secrets_file_that_cannot_be_used_is_told_and_stays_as_it_is() {
    let place = Place::new();
    std::fs::create_dir(place.at("folder")).unwrap();
    for (name, content, reason) in [
        ("empty", &b""[..], "it is empty"),
        ("junk", b"a: [", "not what imagegen"),
        ("wide", b"\xff\xfea", "UTF-8"),
    ] {
        std::fs::write(place.at(name), content).unwrap();
        std::fs::set_permissions(place.at(name), PermissionsExt::from_mode(0o600)).unwrap();
        let said = place.refuses(&["hub", "--secrets", name]);
        assert!(said.contains(reason) && said.contains("restore-secrets"), "{said}");
        assert_eq!(std::fs::read(place.at(name)).unwrap(), content);
    }
    for (path, reason) in
        [("folder", "Is a directory"), ("nowhere/file", "does not exist"), ("junk/file", "directory")]
    {
        let said = place.refuses(&["hub", "--secrets", path]);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn secrets_survive_windows_and_may_be_a_link() {
    let place = Place::new();
    std::fs::create_dir(place.at("safe")).unwrap();
    symlink("safe/secrets", place.at("workshop.secrets.yaml")).unwrap();
    let node = place.runs(&NODE).0;
    assert_eq!(mode(&place.at("safe/secrets")), 0o600);
    place.write("safe/secrets", &format!("\u{feff}{}", place.secrets().replace('\n', "\r\n")));
    assert_eq!(place.runs(&NODE).0, node);
    assert!(place.at("workshop.secrets.yaml").is_symlink());
}

#[test]
fn a_file_system_without_permissions_is_told_as_one() {
    let place = Place::new();
    let library = place.at("no-modes.so");
    let mut compiler = Command::new(program("cc"));
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(project("tests/fixtures/no-modes.c"));
    compiler.args(["-ldl"]).assert().success();
    let on_fat = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("LD_PRELOAD", &library);
        command
    };
    let said = refusal(&mut on_fat(&["hub"]));
    assert!(said.contains("does not keep permissions") && said.contains("--secrets ~/"), "{said}");
    assert_eq!(place.names(), ["no-modes.so"]);
    place.runs(&["hub"]);
    std::fs::set_permissions(place.at("workshop.secrets.yaml"), PermissionsExt::from_mode(0o755)).unwrap();
    let said = refusal(&mut on_fat(&["hub"]));
    assert!(said.contains("install -m 600 workshop.secrets.yaml") && !said.contains("chmod"), "{said}");
    assert!(place.refuses(&["hub"]).contains("chmod 600 workshop.secrets.yaml"));
    std::fs::set_permissions(place.at("workshop.secrets.yaml"), PermissionsExt::from_mode(0o600)).unwrap();
    // A stick may be how the text travels; that others can read it there is said.
    let output = on_fat(&["hub", "--output", "hub.yaml"]).output().unwrap();
    assert!(output.status.success() && text(&output.stderr).contains("others can read hub.yaml"));
    assert!(place.at("hub.yaml").is_file());
    on_fat(&["init"]).assert().success();
}

#[test]
fn no_workshop_file_is_said_and_two_are_one_too_many() {
    let place = Place::new();
    for arguments in [&["hub"][..], &NODE] {
        let (_, said) = place.runs(arguments);
        assert!(said.contains("30 students, training01 to training30"), "{said}");
    }
    place.write("workshop.yml", "version: 1\nname: galaxy\n");
    let (shown, said) = place.runs(&NODE);
    assert!(shown.contains("workshop galaxy") && said.is_empty(), "{said}");
    assert!(place.refuses(&["init"]).contains("workshop.yml already exists"));
    place.write("workshop.yaml", "version: 1\nname: spring\n");
    for arguments in [&["hub"][..], &["check"], &["users"], &NODE] {
        let said = place.refuses(arguments);
        assert!(said.contains("workshop.yaml and workshop.yml"), "{said}");
    }
    assert!(
        place.runs(&["node", "--hub-ip", "10.0.0.5", "--workshop", "workshop.yaml"]).0.contains("spring")
    );
    std::fs::remove_file(place.at("workshop.yml")).unwrap();
    std::fs::remove_file(place.at("workshop.yaml")).unwrap();
    symlink("nowhere", place.at("workshop.yaml")).unwrap();
    assert!(place.refuses(&["hub"]).contains("workshop.yaml cannot be read"));
}
