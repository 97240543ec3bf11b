//! `imagegen hub` and `imagegen node`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;

use crate::{imagegen, program, project, text};

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = imagegen(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_secrets_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let node = ["node", "--hub-ip", "10.0.0.5"];
    let (hub, first) = (printed(folder.path(), &["hub"]), printed(folder.path(), &node));
    assert_eq!(printed(folder.path(), &["hub"]), hub);
    assert_eq!(printed(folder.path(), &node), first);
    let secrets = std::fs::metadata(folder.path().join("workshop.secrets.yaml")).unwrap();
    assert_eq!(secrets.permissions().mode() & 0o777, 0o600);
}

#[test]
fn other_secrets_give_another_text() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_ne!(printed(one.path(), &["hub"]), printed(two.path(), &["hub"]));
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["hub"]);
    let secrets = folder.path().join("workshop.secrets.yaml");
    std::fs::set_permissions(&secrets, PermissionsExt::from_mode(0o644)).unwrap();
    let output = imagegen(folder.path()).arg("hub").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("chmod 600 workshop.secrets.yaml"));
}

#[test]
fn everything_wrong_with_file_and_command_line_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let workshop = "version: 1\nusrs: []\nusers:\n  - {name: ada, uid: 2001}\n  - {name: bob, uid: 2001}\n  \
                    - {name: docker, uid: 2002}\n  - {name: Eve!, uid: 2003}\n";
    std::fs::write(folder.path().join("workshop.yaml"), workshop).unwrap();
    let output = imagegen(folder.path()).args(["node", "--hub-ip", "127.0.0.1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(!folder.path().join("workshop.secrets.yaml").exists(), "bad input makes no secrets");
    insta::assert_snapshot!(text(&output.stderr));
}

#[test]
fn a_workshop_file_that_is_not_there_is_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path()).args(["hub", "--workshop", "nowhere.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("nowhere.yaml cannot be read: No such file or directory"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_workshop_file_elsewhere_has_its_secrets_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("course")).unwrap();
    std::fs::write(folder.path().join("course/w.yaml"), "version: 1\nname: galaxy\n").unwrap();
    let hub = printed(folder.path(), &["hub", "--for", "nova", "--workshop", "course/w.yaml"]);
    assert!(hub.contains("galaxy"));
    assert!(folder.path().join("course/workshop.secrets.yaml").is_file());
}

#[test]
fn this_systems_cloud_init_accepts_both_texts() {
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments) in
        [("hub", &["hub", "--for", "nova"][..]), ("node", &["node", "--hub-ip", "10.0.0.5"])]
    {
        let file = folder.path().join(name);
        std::fs::write(&file, printed(folder.path(), arguments)).unwrap();
        // Debian 13's cloud-init does the same inside the machines of a rehearsal.
        Command::new(program("cloud-init")).args(["schema", "-c"]).arg(&file).assert().success();
    }
}

/// What travels to an ordinary image means the same to Python as the program in the project.
#[test]
fn programs_that_travel_are_the_ones_of_the_images() {
    let folder = tempfile::tempdir().unwrap();
    for machine in [&["hub"][..], &["node", "--hub-ip", "10.0.0.5"]] {
        let userdata = printed(folder.path(), &[machine, &["--stock"]].concat());
        std::fs::write(folder.path().join("user-data"), userdata).unwrap();
        let python = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(program("python3"));
            command.arg("-B").arg(project(name)).args(arguments).current_dir(folder.path());
            text(&command.assert().success().get_output().stdout)
        };
        python("tests/guest/unpack.py", &["user-data", machine[0]]);
        let library = project("images/base/usr/lib/imagegen");
        let compared = python("tests/guest/same_program.py", &[machine[0], library.to_str().unwrap()]);
        assert!(compared.lines().count() > 15, "{compared}");
    }
}

#[test]
fn a_hub_is_named_by_the_workshop_or_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path()).arg("node").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--hub-ip"), "{}", text(&output.stderr));
    std::fs::write(folder.path().join("workshop.yaml"), "version: 1\nnetwork: {hub_ip: 10.0.0.7}\n").unwrap();
    assert!(printed(folder.path(), &["node"]).contains("hub is 10.0.0.7"));
    assert!(printed(folder.path(), &["node", "--hub-ip", "10.0.0.8"]).contains("hub is 10.0.0.8"));
}

#[test]
fn sizes_add_up_to_the_text() {
    let folder = tempfile::tempdir().unwrap();
    for way in ["horizon", "nova"] {
        let length = printed(folder.path(), &["hub", "--for", way]).len();
        let sizes = printed(folder.path(), &["hub", "--for", way, "--sizes"]);
        let total = sizes.lines().last().unwrap();
        assert!(total.contains(&format!(" {length} ")), "{sizes}");
        assert!(sizes.contains("/etc/imagegen/settings.json"), "{sizes}");
    }
}

#[test]
fn a_difference_is_shown_file_by_file_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let hub = ["node", "--hub-ip", "10.0.0.5"];
    let old = printed(folder.path(), &hub);
    std::fs::write(folder.path().join("old"), &old).unwrap();
    assert_eq!(printed(folder.path(), &[&hub[..], &["--diff", "old"]].concat()), "");
    let workshop = "version: 1\nusers: [{name: ada, uid: 1815}]\ndocker: {mtu: 1400}\n";
    std::fs::write(folder.path().join("workshop.yaml"), workshop).unwrap();
    std::fs::remove_file(folder.path().join("workshop.secrets.yaml")).unwrap();
    let shown = printed(folder.path(), &[&hub[..], &["--diff", "old"]].concat());
    assert!(shown.contains("-2001\ttraining{01..30}\n+1815\tada\n"), "{shown}");
    assert!(shown.contains("-  \"mtu\": 1500\n+  \"mtu\": 1400\n"), "{shown}");
    assert!(shown.contains("-  \"join_key\": (secret "), "{shown}");
    let key = old.split("\"join_key\": \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(!shown.contains(key));
}

#[test]
fn cards_and_tables_of_the_users() {
    let folder = tempfile::tempdir().unwrap();
    assert!(printed(folder.path(), &["users"]).contains("training30"));
    assert!(
        !folder.path().join("workshop.secrets.yaml").exists(),
        "a table without passwords needs no secrets"
    );
    imagegen(folder.path()).args(["users", "--format", "cards"]).assert().code(1);
    printed(folder.path(), &["hub"]);
    let cards = printed(folder.path(), &["users", "--format", "cards", "--address", "jupyter.example.org"]);
    let table = printed(folder.path(), &["users", "--format", "json", "--passwords"]);
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    for user in table.as_array().unwrap() {
        assert!(cards.contains(user["password"].as_str().unwrap()), "{user}");
    }
    let node = printed(folder.path(), &["node", "--hub-ip", "10.0.0.5"]);
    assert!(!node.contains("password-seed") && !node.contains(table[0]["password"].as_str().unwrap()));
}

#[test]
fn an_ordinary_image_keeps_its_own_user_and_that_is_minded() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("workshop.yaml"), "version: 1\nusers: [{name: ada, uid: 1000}]\n")
        .unwrap();
    let output = imagegen(folder.path()).args(["node", "--hub-ip", "10.0.0.5", "--stock"]).output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("UID or GID 1000"), "{}", text(&output.stderr));
    std::fs::write(folder.path().join("workshop.yaml"), "version: 1\nhomes: {volume: /dev/vdb}\n").unwrap();
    let output = imagegen(folder.path()).args(["hub", "--stock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/srv/homes"), "{}", text(&output.stderr));
}
