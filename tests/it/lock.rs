//! Locks and `imagegen verify`: the same packages make the same bytes, and what keeps that from being so is said.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use assert_cmd::Command;

use crate::{imagegen, path_with_mmdebstrap, program, text};

/// What the disk in these tests is made of; Python compiles its modules when it is installed.
const PACKAGES: &[&str] = &["e2fsprogs", "libarchive13t64", "grub-pc-bin", "python3-minimal"];

/// Recipes of a disk that nobody boots, with as few packages as a disk can be made of.
fn write_recipes(folder: &Path) {
    let recipes = folder.join("recipes");
    std::fs::create_dir(&recipes).unwrap();
    let recipe = format!("version: 1\nsuite: trixie\npackages: [{}]\n", PACKAGES.join(", "));
    std::fs::write(recipes.join("node.yaml"), recipe).unwrap();
    let overlay = crate::project("tests/fixtures/tiny/base");
    Command::new(program("cp")).arg("-r").arg(overlay).arg(recipes.join("node")).assert().success();
}

fn build(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = imagegen(folder);
    command.args(["build", "node", "--recipes", "recipes"]).args(arguments);
    command.env("XDG_CACHE_HOME", folder.join("cache")).env_remove("SOURCE_DATE_EPOCH");
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    command
}

/// A lock with packages that no archive has had.
fn write_lock(folder: &Path, names: &[&str]) {
    let lines = names.iter().enumerate().map(|(number, name)| {
        format!(
            "      - {{name: {name}, version: '1.0', architecture: all, sha256: '{number:064}', bytes: 7, \
             file: pool/main/{name}_1.0_all.deb}}\n"
        )
    });
    let lock = "version: 1\nlayers:\n  - recipe: node\n    kernel: linux-image-cloud-amd64\n    suite: trixie\n    epoch: 1763000000\n    \
                sources: [deb http://127.0.0.1:9/debian trixie main]\n    packages:\n";
    std::fs::write(folder.join("lock.yaml"), lock.to_owned() + &lines.collect::<String>()).unwrap();
}

/// A mirror that answers, and has nothing.
fn empty_mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/debian", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || refuse(&stream));
        }
    });
    address
}

fn refuse(mut stream: &TcpStream) {
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let end_of_request = line.is_ok_and(|line| line.is_empty());
        if end_of_request && stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").is_err()
        {
            return;
        }
    }
}

#[test]
fn what_the_archive_no_longer_has_is_told_with_its_lines_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    write_recipes(folder.path());
    write_lock(folder.path(), PACKAGES);
    let output =
        build(folder.path(), &["--lock", "lock.yaml", "--mirror", &empty_mirror()]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for (line, name) in (9..).zip(PACKAGES) {
        assert!(said.contains(&format!("error: the archive no longer has {name} 1.0")), "{said}");
        assert!(said.contains(&format!("--> lock.yaml:{line}:16")), "{said}");
    }
    assert!(!said.contains("mmdebstrap"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path().join("dist")).unwrap().count(), 0);
}

#[test]
fn a_lock_for_other_recipes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_recipes(folder.path());
    write_lock(folder.path(), &PACKAGES[..1]);
    let output = build(folder.path(), &["--lock", "lock.yaml"]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for name in &PACKAGES[1..] {
        let wanted = format!("the recipe `node` installs `{name}`, which is not in lock.yaml");
        assert!(said.contains(&wanted), "{said}");
    }
}

#[test]
fn an_image_without_a_manifest_cannot_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("node.qcow2"), "no image").unwrap();
    let output = imagegen(folder.path()).args(["verify", "node.qcow2"]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("node.manifest.json") && said.contains("help:"), "{said}");
}

/// Changes an image as one would who wants nobody to notice: sizes and checksums of the file system stay in order.
fn tamper(folder: &Path) {
    let run = |name: &str, arguments: &[&str]| {
        let output = Command::new(program(name)).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    };
    let changes = "set_inode_field /usr/bin/env mode 0104755\nrm /etc/debian_version\nwrite changes /etc/extra\n\
                   set_inode_field /etc/passwd mtime 20200101000000\nset_inode_field /etc/group uid 33\n";
    std::fs::write(folder.join("changes"), changes).unwrap();
    run("qemu-img", &["convert", "-O", "raw", "dist/node.qcow2", "node.raw"]);
    let table = gpt::GptConfig::new().open(folder.join("node.raw")).unwrap();
    let root = table.partitions().values().find(|it| it.part_type_guid == gpt::partition_types::LINUX_FS);
    let place = format!("node.raw?offset={}", root.unwrap().first_lba * 512);
    run("debugfs", &["-w", "-f", "changes", &place]);
    run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "node.raw", "dist/node.qcow2"]);
}

/// Where libfaketime is. faketime(1) itself leaves files open, and then apt's numbers of files have two digits, which dash
/// does not take.
const FAKETIME: &str = "usr/lib/x86_64-linux-gnu/faketime";

/// What makes programs run in forty days; files keep their times, which the library would change too.
fn next_month() -> [(&'static str, String); 3] {
    let library = format!("/{FAKETIME}/libfaketime.so.1");
    [("LD_PRELOAD", library), ("FAKETIME", "+40d".into()), ("NO_FAKE_STAT", "1".into())]
}

/// What runs mmdebstrap, and all that this runs in the root file system, in forty days: it gets an environment of its own, and
/// with it the machine's time. The library names files in /dev/shm by numbers of processes, and fails where an older process
/// has left one of the same number: root has a /dev/shm of its own, in a mount namespace that nobody else sees.
fn mmdebstrap_of_next_month() -> String {
    let into = format!("--setup-hook=mkdir -p \"$1\"/{FAKETIME} && cp /{FAKETIME}/*.so.* \"$1\"/{FAKETIME}");
    let out = format!("--customize-hook=rm -r \"$1\"/{FAKETIME}");
    let later = next_month().map(|(name, value)| format!("export {name}={value}")).join("; ");
    let alone =
        "[ \"$(id -u)\" != 0 ] || [ \"$ALONE\" ] || exec env ALONE=1 unshare --mount -- \"$0\" \"$@\"";
    let shm = "[ ! \"$ALONE\" ] || mount -t tmpfs tmpfs /dev/shm\nunset ALONE";
    format!("{alone}\n{shm}\n{later}\nexec /usr/bin/mmdebstrap '{into}' \"$@\" '{out}'")
}

fn verify(folder: &Path) -> std::process::Output {
    imagegen(folder)
        .args(["verify", "dist/node.qcow2", "--recipes", "recipes"])
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .output()
        .unwrap()
}

#[test]
#[ignore = "slow: it bootstraps packages four times"]
fn a_lock_makes_the_same_bytes_again_and_verify_names_what_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    write_recipes(folder.path());
    build(folder.path(), &["--write-lock", "lock.yaml"]).assert().success();
    let whole = std::fs::read(folder.path().join("dist/node.qcow2")).unwrap();

    // Another day, another cache but for the packages, a mirror that is gone, and a user with habits.
    let cache = folder.path().join("cache/imagegen");
    std::fs::remove_dir_all(cache.join("layers")).unwrap();
    let locked = ["--lock", "lock.yaml", "--mirror", "http://127.0.0.1:9/debian", "--output", "again"];
    let careful = "umask 077; exec \"$0\" \"$@\"";
    let path = path_with_mmdebstrap(folder.path(), &mmdebstrap_of_next_month());
    Command::new(program("sh"))
        .args(["-c", careful, env!("CARGO_BIN_EXE_imagegen"), "build", "node", "--recipes", "recipes"])
        .args(locked)
        .current_dir(folder.path())
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .envs([("PYTHONDONTWRITEBYTECODE", "1"), ("TZ", "Asia/Tokyo"), ("HOME", "/nonexistent")])
        .env("PATH", path)
        .envs(next_month())
        .assert()
        .success();
    for name in ["node.qcow2", "node.manifest.json", "SHA256SUMS"] {
        let [one, other] =
            ["dist", "again"].map(|output| std::fs::read(folder.path().join(output).join(name)).unwrap());
        assert!(one == other, "{name} differs");
    }
    assert!(whole == std::fs::read(folder.path().join("again/node.qcow2")).unwrap());

    let output = verify(folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("dist/node.qcow2: identical to the rebuilt image"));

    tamper(folder.path());
    let output = verify(folder.path());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    for difference in [
        "/usr/bin/env: mode 4755 became 755",
        "/etc/debian_version: a file is only in the rebuilt image",
        "/etc/extra: a file is missing in the rebuilt image",
        "/etc/passwd: time 1577836800 became",
        "/etc/group: owner 33:0 became 0:0",
    ] {
        assert!(said.contains(difference), "{difference}\n{said}");
    }
}
