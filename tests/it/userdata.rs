//! `imagegen hub` and `imagegen node`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;

use crate::{imagegen, text};

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
        text(&output.stderr).contains("nowhere.yaml cannot be read: entity not found"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_workshop_file_elsewhere_has_its_secrets_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("course")).unwrap();
    std::fs::write(folder.path().join("course/w.yaml"), "version: 1\nname: galaxy\n").unwrap();
    let hub = printed(folder.path(), &["hub", "--workshop", "course/w.yaml"]);
    assert!(hub.contains("galaxy"));
    assert!(folder.path().join("course/workshop.secrets.yaml").is_file());
}

#[test]
fn this_systems_cloud_init_accepts_both_texts() {
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments) in [("hub", &["hub"][..]), ("node", &["node", "--hub-ip", "10.0.0.5"])] {
        let file = folder.path().join(name);
        std::fs::write(&file, printed(folder.path(), arguments)).unwrap();
        // Debian 13's cloud-init does the same inside the machines of a rehearsal.
        Command::new("cloud-init").args(["schema", "-c"]).arg(&file).assert().success();
    }
}

#[test]
fn pyyaml_reads_the_files_as_they_are_in_the_project() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hub.yaml"), printed(folder.path(), &["hub"])).unwrap();
    let script = "import base64, gzip, sys, yaml\n\
                  for file in yaml.safe_load(open('hub.yaml'))['write_files']:\n    \
                  if file['path'] == sys.argv[1]:\n        content = file['content']\n        \
                  if file.get('encoding') == 'gz+b64': content = gzip.decompress(base64.b64decode(content)).decode()\n        \
                  sys.stdout.write(content)\n";
    for (inside, source) in [
        ("/usr/local/lib/imagegen/hub.py", "userdata/hub/hub.py"),
        ("/usr/local/lib/imagegen/identity.sh", "userdata/common/identity.sh"),
    ] {
        let output = Command::new("/usr/bin/python3")
            .args(["-c", script, inside])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(
            text(&output.stdout),
            std::fs::read_to_string(crate::project(source)).unwrap(),
            "{inside}"
        );
    }
}
