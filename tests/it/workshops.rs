//! Workshop files: many kinds of sound ones as the user-data that comes of them, and wrong ones as an organiser sees them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use similar::{ChangeTag, TextDiff};

use crate::{imagegen, program, project, text};

/// Name of the workshop file, arguments, and what to call it.
const SOUND: &[(&str, &[&str], &str)] = &[
    ("usual", &["hub"], "usual_hub"),
    ("usual", &["node", "--hub-ip", "10.0.0.5"], "usual_node"),
    ("usual", &["node", "--hub-ip", "10.0.0.5", "--stock"], "usual_stock_node"),
    ("ranges", &["node"], "ranges_node"),
    ("people", &["hub"], "people_hub"),
    ("people", &["hub", "--stock"], "people_stock_hub"),
    ("people", &["node", "--hub-ip", "10.0.0.5"], "people_node"),
    ("docker", &["node", "--hub-ip", "10.0.0.5"], "docker_node"),
    ("volume", &["hub"], "volume_hub"),
    ("volume", &["hub", "--stock"], "volume_stock_hub"),
    ("shares", &["node", "--hub-ip", "10.0.0.5"], "shares_node"),
    ("machines", &["node", "--hub-ip", "10.0.0.5", "--stock"], "machines_stock_node"),
    ("machines", &["hub"], "machines_hub"),
    ("classic", &["hub"], "classic_hub"),
    ("classic", &["hub", "--stock"], "classic_stock_hub"),
    ("classic", &["node", "--hub-ip", "10.0.0.5"], "classic_node"),
    ("classic", &["node", "--hub-ip", "10.0.0.5", "--stock"], "classic_stock_node"),
    ("notebooks", &["hub"], "notebooks_hub"),
    ("notebooks", &["node"], "notebooks_node"),
];
/// Those of which the whole text is kept, one for each role; of the others, what differs from these.
const WHOLE: [&str; 2] = ["usual_hub", "usual_node"];
/// Where programs of the project are, of which only path and mode are shown; and our files in folders of others.
const PROGRAMS: &[&str] = &[
    "/etc/imagegen/join.py",
    "/etc/nfs.conf.d/imagegen.conf",
    "/etc/ssh/sshd_config.d/10-imagegen.conf",
    "/etc/systemd/system/",
    "/usr/lib/imagegen/",
];

/// What is printed for one of them, with secrets that are always the same.
fn userdata(folder: &Path, workshop: &str, arguments: &[&str]) -> String {
    let secrets = folder.join("secrets.yaml");
    std::fs::copy(project("tests/fixtures/workshop.secrets.yaml"), &secrets).unwrap();
    std::fs::set_permissions(&secrets, PermissionsExt::from_mode(0o600)).unwrap();
    let file = project(&format!("tests/fixtures/workshops/{workshop}.yaml"));
    let mut command = imagegen(folder);
    command.args(arguments).arg("--workshop").arg(file).arg("--secrets").arg(&secrets);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{workshop}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_userdata_of_many_workshops() {
    let folder = tempfile::tempdir().unwrap();
    unpacked(folder.path());
    for (workshop, arguments, name) in SOUND {
        let text = userdata(folder.path(), workshop, arguments);
        let shown = if WHOLE.contains(name) {
            text
        } else {
            let usual = if name.ends_with("_hub") { WHOLE[0] } else { WHOLE[1] };
            settings_of_cloud_init(&text) + &outline(&folder.path().join(name), &folder.path().join(usual))
        };
        insta::assert_snapshot!(*name, shown);
    }
}

/// What a text says beside its files, without our programs.
fn settings_of_cloud_init(text: &str) -> String {
    let mut config: serde_json::Value = serde_yaml::from_str(text).unwrap();
    config.as_object_mut().unwrap().remove("write_files");
    for command in config["runcmd"].as_array_mut().unwrap() {
        command.as_array_mut().unwrap().retain(|word| !word.as_str().unwrap().contains('\n'));
    }
    serde_yaml::to_string(&config).unwrap()
}

/// The mode and path of each unpacked file; below it the lines that the usual workshop's file has not, and has instead.
fn outline(root: &Path, usual: &Path) -> String {
    let shown = |path: &Path| {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let inside = path.strip_prefix(root).unwrap();
        let place = format!("/{}", inside.display());
        let is_program = PROGRAMS.iter().any(|program| place.starts_with(program));
        let changes = if is_program { String::new() } else { changed_lines(&usual.join(inside), path) };
        format!("{mode:04o} {place}\n{changes}")
    };
    files_below(root).iter().map(|path| shown(path)).collect()
}

fn changed_lines(usual: &Path, path: &Path) -> String {
    let usual = std::fs::read_to_string(usual).unwrap_or_default();
    let text = std::fs::read_to_string(path).unwrap();
    let changes = TextDiff::from_lines(&usual, &text);
    let changes = changes.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
    changes
        .map(|change| format!("    {}{}\n", change.tag(), change.value().trim_end()))
        .collect::<Vec<_>>()
        .concat()
}

/// All files in a folder and its folders, by name.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let inner = |path: PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    paths.into_iter().flat_map(inner).collect()
}

#[test]
fn every_workshop_of_these_tests_fits_where_the_least_fits() {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(project("tests/fixtures/workshops")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        for machine in [vec!["hub"], vec!["node", "--hub-ip", "10.0.0.5"]] {
            for image in [vec![], vec!["--stock"]] {
                let arguments = [machine.clone(), image, vec!["--for", "horizon"]].concat();
                assert!(!userdata(folder.path(), name, &arguments).is_empty());
            }
        }
    }
}

/// Unpacks each text's files into a directory of its own, as cloud-init and the machine itself do.
fn unpacked(folder: &Path) {
    for (workshop, arguments, name) in SOUND {
        let text = userdata(folder, workshop, arguments);
        std::fs::write(folder.join("user-data"), text).unwrap();
        let mut command = Command::new(program("python3"));
        command.arg("-B").arg(project("tests/guest/unpack.py")).args(["user-data", name]).current_dir(folder);
        command.assert().success();
    }
}

/// Puts the programs of golden images beside them, where a text does not bring them.
fn on_a_golden_image(root: &Path) {
    for image in ["base", "hub"] {
        let source = project(&format!("images/{image}/."));
        Command::new(program("cp")).arg("-rn").arg(source).arg(root).assert().success();
    }
}

// What travels has lost its comments, those for shellcheck too: words are split on purpose.
const CHECK_SCRIPTS: &str = "find . -name '*.sh' -print -exec shellcheck --shell sh --exclude SC2086 {} +";
const PARSE_PROGRAMS: &str = "find . -name '*.py' -exec /usr/bin/python3 -B -c 'import ast, sys\n\
                              for file in sys.argv[1:]: print(file, len(ast.parse(open(file).read()).body))' {} +";
const VERIFY_UNITS: &str = "SYSTEMD_UNIT_PATH=$PWD/etc/systemd/system: systemd-analyze verify --man=no \
                            $(ls etc/systemd/system/imagegen*.service etc/systemd/system/imagegen.target) 2>&1 \
                            | grep -v 'is not executable' || true";

/// What a shell says in a folder; an error where the last of its commands fails.
fn shell(folder: &Path, command: &str) -> Result<String, String> {
    let output = Command::new(program("sh")).args(["-c", command]).current_dir(folder).output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(format!("{command}\n{said}")) }
}

fn accept_scripts_and_programs(root: &Path) -> Result<[String; 2], String> {
    Ok([shell(root, CHECK_SCRIPTS)?, shell(root, PARSE_PROGRAMS)?])
}

fn accept_units(root: &Path) -> Result<(), String> {
    // The systemd of the images knows this one; that of Debian 12, where tests may run, does not.
    let said = shell(root, VERIFY_UNITS)?.replace("Unknown key 'RestartMode'", "");
    if said.contains("Unknown") || said.contains("Failed") { Err(said) } else { Ok(()) }
}

#[test]
fn shells_python_and_systemd_accept_every_file() {
    let folder = tempfile::tempdir().unwrap();
    unpacked(folder.path());
    for (_, _, name) in SOUND {
        let root = folder.path().join(name);
        let stock = name.contains("stock");
        let [scripts, programs] =
            accept_scripts_and_programs(&root).unwrap_or_else(|said| panic!("{name}: {said}"));
        assert_eq!(scripts.contains("packages.sh"), stock, "{name}: {scripts}");
        assert_eq!(programs.contains("accounts.py"), stock, "{name}: {programs}");
        if !stock {
            on_a_golden_image(&root);
        }
        accept_units(&root).unwrap_or_else(|said| panic!("{name}: {said}"));
    }
}

#[test]
fn shells_python_and_systemd_refuse_a_wrong_file() {
    for (name, content, said) in [("wrong.sh", "if\n", "SC1"), ("wrong.py", "def\n", "SyntaxError")] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        assert!(accept_scripts_and_programs(folder.path()).unwrap_err().contains(said), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let units = folder.path().join("etc/systemd/system");
    std::fs::create_dir_all(&units).unwrap();
    std::fs::write(units.join("imagegen.target"), "[Unit]\nDescription=all\n").unwrap();
    let unit = "[Service]\nExecStart=/bin/true\nRestrat=always\n";
    std::fs::write(units.join("imagegen-wrong.service"), unit).unwrap();
    assert!(accept_units(folder.path()).unwrap_err().contains("Restrat"));
}

#[test]
fn wrong_workshops_as_an_organiser_sees_them() {
    let mut files: Vec<_> =
        std::fs::read_dir(project("tests/fixtures/wrong")).unwrap().map(Result::unwrap).collect();
    files.sort_by_key(std::fs::DirEntry::path);
    let mut count = 0;
    for file in files {
        let name = file.file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".yaml") else { continue };
        let output = imagegen(&project("tests/fixtures/wrong")).args(["check", &name]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
        insta::assert_snapshot!(format!("wrong_{stem}"), text(&output.stderr));
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn what_init_writes_is_sound_as_it_stands_and_is_the_usual_workshop() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    imagegen(one.path()).arg("init").assert().success();
    let output = imagegen(one.path()).args(["check", "--strict"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("30 users"), "{}", text(&output.stdout));
    assert!(!one.path().join("workshop.secrets.yaml").exists(), "a check makes no secrets");
    imagegen(one.path()).arg("init").assert().code(1);
    imagegen(one.path()).arg("hub").assert().success();
    std::fs::copy(one.path().join("workshop.secrets.yaml"), other.path().join("workshop.secrets.yaml"))
        .unwrap();
    let hub = |folder: &Path| imagegen(folder).arg("hub").output().unwrap().stdout;
    assert_eq!(text(&hub(one.path())), text(&hub(other.path())), "init's file says what no file says");
}

#[test]
fn every_comment_that_init_writes_is_an_example_that_works() {
    let folder = tempfile::tempdir().unwrap();
    imagegen(folder.path()).arg("init").assert().success();
    let path = folder.path().join("workshop.yaml");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEe7xJlXn2mP0s7cQ4V1r8b6k3yZ5t9u2w4A6C8E0G1I ada@laptop";
    let example = std::fs::read_to_string(&path).unwrap();
    let is_example = |line: &str| {
        let inner = line.trim_start().strip_prefix("# ").unwrap_or_default();
        inner.starts_with([' ', '-'])
            || inner.split_once(':').is_some_and(|(key, _)| !key.contains(' ') && !key.contains('-'))
    };
    let uncommented = example
        .lines()
        .map(|line| if is_example(line) { line.replacen("# ", "", 1) } else { line.to_owned() })
        .filter(|line| line != "  maps: []")
        .collect::<Vec<_>>()
        .join("\n");
    let uncommented = uncommented
        .replace("$y$j9T$...", "$y$j9T$abcdefgh$0123456789")
        .replace("ssh-ed25519 AAAA... ada@laptop", key);
    std::fs::write(&path, format!("{uncommented}\n")).unwrap();
    std::fs::write(folder.path().join("roster.csv"), "name,uid\ngrace,1906\n").unwrap();
    std::fs::write(folder.path().join("hello.sh"), "echo hello\n").unwrap();
    write_certificate(folder.path(), &["workshop.example.org", "*.workshop.example.org"]);
    let output = imagegen(folder.path()).args(["check", "--strict"]).output().unwrap();
    assert!(output.status.success(), "{uncommented}\n{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("33 users"), "{}", text(&output.stdout));
}

/// What an organiser has of an authority.
fn write_certificate(folder: &std::path::Path, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let own = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join("fullchain.pem"), own.cert.pem()).unwrap();
    std::fs::write(folder.join("privkey.pem"), own.signing_key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_is_compared_with_its_key_and_with_the_names_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    write_certificate(other.path(), &["workshop.example.org"]);
    let said = |web: &str| {
        let workshop = format!("version: 1\nweb: {{{web}}}\n");
        std::fs::write(folder.path().join("workshop.yaml"), workshop).unwrap();
        text(&imagegen(folder.path()).arg("check").output().unwrap().stderr)
    };
    let files = "certificate: fullchain.pem, key: privkey.pem";
    let one = format!("domain: workshop.example.org, {files}");
    let all = format!("{one}, subdomains: true");
    write_certificate(folder.path(), &["workshop.example.org"]);
    assert_eq!(said(&one), "");
    assert!(said(&all).contains("not for `*.workshop.example.org`"), "{}", said(&all));
    assert!(said(files).contains("the page has none"), "{}", said(files));
    assert!(said("subdomains: true").contains("needs `domain`"));
    assert!(said("domain: w.example.org, subdomains: true").contains("no certificate for all of"));
    assert!(said("domain: w.example.org, key: privkey.pem").contains("belong together"));
    std::fs::copy(other.path().join("privkey.pem"), folder.path().join("privkey.pem")).unwrap();
    assert!(said(&one).contains("not the private key"), "{}", said(&one));
    std::fs::write(folder.path().join("privkey.pem"), "nothing\n").unwrap();
    assert!(said(&one).contains("no private key"), "{}", said(&one));
    std::fs::write(folder.path().join("fullchain.pem"), "nothing\n").unwrap();
    assert!(said(&one).contains("no certificate in PEM"), "{}", said(&one));
}

#[test]
fn editors_schema_accepts_the_sound_ones_and_not_unknown_keys() {
    let folder = tempfile::tempdir().unwrap();
    let schema = imagegen(folder.path()).arg("schema").output().unwrap().stdout;
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let read = |path: &str| -> serde_json::Value {
        serde_yaml::from_str(&std::fs::read_to_string(project(path)).unwrap()).unwrap()
    };
    for (workshop, _, _) in SOUND {
        let value = read(&format!("tests/fixtures/workshops/{workshop}.yaml"));
        assert!(validator.validate(&value).is_ok(), "{workshop}: {:?}", validator.validate(&value));
    }
    for workshop in ["unknown-keys", "kinds", "users"] {
        assert!(!validator.is_valid(&read(&format!("tests/fixtures/wrong/{workshop}.yaml"))), "{workshop}");
    }
}
