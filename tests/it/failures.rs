//! Builds that go wrong in every way that can be made real: each says what is wrong, keeps the last good image, leaves
//! nothing, and the next one succeeds.
//!
//! All of them build the small image of tests/fixtures/tiny.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use crate::loopback::{Fault, proxy};
use crate::{are_as_told, imagegen, processes_with, program, project, text, wait_for};

/// A folder with recipes, a cache and results of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// One with nothing kept.
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        // Who stands in for root in a user namespace has to get in.
        fs::set_permissions(place.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        fs::create_dir(place.at("temporary")).unwrap();
        copy(&project("tests/fixtures/tiny"), &place.at("recipes"));
        place
    }

    /// One with a copy of what an earlier build of the same recipes kept, and its results. Later runs of the tests take
    /// the same, as long as it is fresh.
    fn warm() -> Self {
        static FIRST: OnceLock<PathBuf> = OnceLock::new();
        let first = FIRST.get_or_init(|| {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny");
            fs::create_dir_all(&kept).unwrap();
            let place = Self::new();
            let output = place
                .command()
                .arg("--output")
                .arg(kept.join("dist"))
                .env("XDG_CACHE_HOME", kept.join("cache"))
                .output();
            let output = output.unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            kept
        });
        let place = Self::new();
        copy(&first.join("cache"), &place.at("cache"));
        copy(&first.join("dist"), &place.at("dist"));
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn command(&self) -> assert_cmd::Command {
        let mut command = imagegen(self.folder.path());
        command.args(["build", "node", "--recipes", "recipes"]);
        command.env("XDG_CACHE_HOME", self.at("cache")).env("TMPDIR", self.at("temporary"));
        command
    }

    /// Gives what a build said that succeeded.
    fn builds(&self) -> String {
        let output = self.command().output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        self.leaves_nothing();
        self.is_sound();
        text(&output.stderr)
    }

    /// Gives what a build said that failed, and checks that it left nothing and that the next one succeeds.
    fn fails(&self, code: i32, command: &mut assert_cmd::Command) -> String {
        let good = fs::read(self.at("dist/node.qcow2")).ok();
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        self.leaves_nothing();
        assert!(fs::read(self.at("dist/node.qcow2")).ok() == good, "the last good image is another one");
        text(&output.stderr)
    }

    fn change(&self, path: &str, content: &str) {
        fs::write(self.at("recipes").join(path), content).unwrap();
    }

    /// No partial file is left, and no process that has a folder of this place in its command line.
    fn leaves_nothing(&self) {
        let mut left: Vec<PathBuf> = listing(&self.at("temporary"));
        for folder in ["dist", "cache/imagegen/layers", "cache/imagegen/results"] {
            let hidden = |path: &PathBuf| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.starts_with('.') || name.contains(".lock")
            };
            left.extend(listing(&self.at(folder)).into_iter().filter(hidden));
        }
        assert!(left.is_empty(), "{left:?}");
        let running = processes_with(self.folder.path());
        assert!(running.is_empty(), "{running:?}");
    }

    /// The results are what the checksums say.
    fn is_sound(&self) {
        let mut sums = assert_cmd::Command::new(program("sha256sum"));
        sums.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(self.at("dist")).assert().success();
    }

    /// A pipeline learns of all results and their hashes, although nothing is made.
    fn tells_all_files(&self) {
        let output = self.command().arg("--json").output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let files = last["files"].as_array().unwrap();
        assert_eq!(files.len(), 5, "an image with its papers, and the checksums: {said}");
        are_as_told(files, self.folder.path());
    }

    /// The tar of the layer that the image is made from: the newest, where earlier runs of the tests left theirs.
    fn layer(&self) -> PathBuf {
        let records = listing(&self.at("cache/imagegen/layers")).into_iter();
        let is_its =
            |path: &PathBuf| fs::read(path).is_ok_and(|record| text(&record).contains("\"layer node\""));
        let records = records.filter(|path| path.extension().is_some_and(|it| it == "record")).filter(is_its);
        let age = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        records.max_by_key(age).unwrap().with_extension("tar")
    }
}

/// Runs a command with a /dev/shm of its own, where root runs it: libfaketime names its files there by numbers of processes,
/// leaves some, and fails where an older process of the same number has left one.
const OWN_SHM: &str = "[ \"$(id -u)\" = 0 ] || exec \"$@\"\n\
                       exec unshare --mount sh -c 'mount -t tmpfs tmpfs /dev/shm && exec \"$@\"' sh \"$@\"";

/// What is in a folder; nothing where it is not there.
fn listing(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn copy(from: &Path, to: &Path) {
    assert_cmd::Command::new(program("cp")).arg("-a").args([from, to]).assert().success();
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn an_image_of_which_nothing_changed_is_known_again_and_a_damaged_one_is_made_again() {
    let place = Place::new();
    place.builds();
    let image = place.at("dist/node.qcow2");
    let made = fs::metadata(&image).unwrap().modified().unwrap();
    let said = place.builds();
    assert!(said.contains("image node: cached"), "{said}");
    assert_eq!(fs::metadata(&image).unwrap().modified().unwrap(), made);
    place.tells_all_files();

    let mut content = fs::read(&image).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&image, content).unwrap();
    let said = place.builds();
    assert!(said.contains("layer base: cached") && !said.contains("image node: cached"), "{said}");
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_damaged_layer_is_noticed_and_made_again() {
    let place = Place::warm();
    let layer = place.layer();
    let modified = fs::metadata(&layer).unwrap().modified().unwrap();
    let mut content = fs::read(&layer).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&layer, content).unwrap();
    fs::File::options().append(true).open(&layer).unwrap().set_modified(modified).unwrap();
    place.change("node/etc/motd", "Another welcome\n");
    let said = place.builds();
    assert!(said.contains("layer node: the cached result is damaged; making it again"), "{said}");
    place.change("node/etc/motd", "A third welcome\n");
    assert!(!place.builds().contains("damaged"));
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_layer_that_was_cut_is_made_again() {
    let place = Place::warm();
    let layer = place.layer();
    let whole = fs::metadata(&layer).unwrap().len();
    fs::File::options().write(true).open(&layer).unwrap().set_len(whole / 2).unwrap();
    place.builds();
    assert!(fs::metadata(place.layer()).unwrap().len() > whole / 2);
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_script_that_fails_is_quoted_and_its_whole_log_is_kept() {
    let place = Place::warm();
    let many = "i=0; while [ $i -lt 2000 ]; do echo \"line $i of many\"; i=$((i + 1)); done";
    place.change("scripts/mark.sh", &format!("{many}\necho 'the moon is full' >&2\nexit 3\n"));
    let said = place.fails(4, &mut place.command());
    let first = "error: recipes/node.yaml:4: scripts/mark.sh: the moon is full\n";
    assert!(said.contains(first), "{said}");
    let log = said.split("the complete log is ").nth(1).unwrap().trim();
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("line 0 of many") && log.contains("the moon is full"), "{log}");
    place.change("scripts/mark.sh", "echo marked >/etc/mark\n");
    place.builds();
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_package_that_no_archive_has_is_told_by_its_line_in_the_recipe() {
    let place = Place::warm();
    let recipe = fs::read_to_string(place.at("recipes/node.yaml")).unwrap();
    place.change("node.yaml", &format!("{recipe}packages:\n- e2fsprogs\n- jqq\n"));
    let said = place.fails(4, &mut place.command());
    let first = "error: recipes/node.yaml:7: apt: Unable to locate package jqq\n";
    assert!(said.contains(first), "{said}");
    assert!(!said.contains("os error"), "{said}");
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_layer_that_does_not_fit_into_memory_is_made_on_the_disk() {
    let place = Place::warm();
    let fill = "[ \"$(stat -f -c %T /)\" != tmpfs ] || dd if=/dev/zero of=/dev/full count=1";
    place.change("scripts/mark.sh", &format!("{fill}\necho marked >/etc/mark\n"));
    let said = place.builds();
    assert!(said.contains("layer node: too large for memory; starting again on disk"), "{said}");
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_full_disk_is_told_and_harms_nothing() {
    let place = Place::warm();
    place.change("node/etc/motd", "Another welcome\n");
    // Room enough at the start, and then not: a file system that is made smaller while the build works on it.
    let script = "set -eu
        mount -t tmpfs -o size=16g tmpfs full
        cp dist/* full/
        \"$@\" --output full & build=$!
        while ! ls full/.imagegen-work-*/node.qcow2 >/dev/null 2>&1; do kill -0 $build; sleep 0.01; done
        until mount -o remount,size=\"$(($(du -sk full | cut -f1) + 1000))k\" full 2>/dev/null; do sleep 0.01; done
        code=0; wait $build || code=$?
        ls -A full >&2
        cmp full/node.qcow2 dist/node.qcow2
        exit $code";
    fs::create_dir(place.at("full")).unwrap();
    let mut command = assert_cmd::Command::new(program("unshare"));
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_imagegen")).args(["build", "node", "--recipes", "recipes"]);
    command.current_dir(place.folder.path());
    command.env("XDG_CACHE_HOME", place.at("cache")).env("TMPDIR", place.at("temporary"));
    let said = place.fails(4, &mut command);
    assert!(said.contains("No space left on device"), "{said}");
    assert!(!said.contains(".imagegen-work-\n"), "{said}");
    place.builds();
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_mirror_that_goes_away_or_sends_rubbish_is_told_and_the_next_build_succeeds() {
    let place = Place::new();
    let through = |fault| {
        let mut command = place.command();
        command.env("http_proxy", proxy(fault));
        command
    };
    let said = place.fails(4, &mut through(Fault::GoneAfter(5 << 20)));
    assert!(said.contains("could not be downloaded") && said.contains("the complete log is"), "{said}");
    let said = place.fails(4, &mut through(Fault::Corrupt));
    assert!(said.contains("Hash Sum mismatch") || said.contains("Hashes of received file"), "{said}");
    assert!(listing(&place.at("cache/imagegen/layers")).is_empty());
    let output = through(Fault::None).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    place.is_sound();
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_clock_that_is_wrong_is_told() {
    let place = Place::warm();
    let at = |time: &str| {
        let mut command = assert_cmd::Command::new(program("sh"));
        command.args(["-c", OWN_SHM, "sh", "faketime", "-f", time, env!("CARGO_BIN_EXE_imagegen"), "build"]);
        command.args(["node", "--recipes", "recipes", "--no-cache"]).current_dir(place.folder.path());
        command.env("XDG_CACHE_HOME", place.at("cache")).env("TMPDIR", place.at("temporary"));
        // mmdebstrap gets an environment of its own, and with it the machine's time.
        let other = format!("exec faketime -f '{time}' /usr/bin/mmdebstrap \"$@\"");
        command.env("PATH", crate::path_with_mmdebstrap(place.folder.path(), &other));
        command
    };
    for (time, code) in [("@2001-01-01 00:00:00", 3), ("@2045-01-01 00:00:00", 4)] {
        let said = place.fails(code, &mut at(time));
        assert!(said.contains("the clock of this machine says"), "{said}");
    }
    let said = place.builds();
    assert!(said.contains("layer base: cached"), "{said}");
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn two_builds_at_once_make_a_layer_once() {
    let place = Place::new();
    let start = |output: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imagegen"));
        command.args(["build", "node", "--recipes", "recipes", "--output", output]);
        command.current_dir(place.folder.path()).stderr(Stdio::piped());
        command.env("XDG_CACHE_HOME", place.at("cache")).env("TMPDIR", place.at("temporary"));
        command.spawn().unwrap()
    };
    let both = [start("dist"), start("other")];
    let said = both.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    });
    let count = |what: &str| said.iter().filter(|said| said.contains(what)).count();
    assert_eq!(count("layer base: another build is making it; waiting"), 1, "{said:?}");
    assert_eq!(count("layer base: another build has made it"), 1, "{said:?}");
    assert_eq!(count("layer base: mmdebstrap: "), 1, "{said:?}");
    place.leaves_nothing();
    place.is_sound();
    assert!(place.at("other/node.qcow2").exists());
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn the_cache_is_shown_and_pruned_but_not_what_a_build_uses() {
    let place = Place::warm();
    let cache = |arguments: &[&str]| {
        let mut command = imagegen(place.folder.path());
        let output =
            command.arg("cache").args(arguments).env("XDG_CACHE_HOME", place.at("cache")).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    };
    assert!(cache(&[]).contains("layer base"), "{}", cache(&[]));
    place.change("node/etc/motd", "Another welcome\n");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_imagegen"))
        .args(["build", "node", "--recipes", "recipes"])
        .current_dir(place.folder.path())
        .env("XDG_CACHE_HOME", place.at("cache"))
        .env("TMPDIR", place.at("temporary"))
        .spawn()
        .unwrap();
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert_cmd::Command::new(program("kill")).args([name, &pid]).assert().success();
    };
    // It stands still while it is looked at, and goes on where it does not use anything yet.
    wait_for("a layer that the build uses", || {
        signal("-STOP");
        let shown = cache(&["--json"]);
        let uses = shown.contains("\"in_use\": true");
        if !uses {
            signal("-CONT");
        }
        if uses { Ok(()) } else { Err(shown) }
    });
    let said = cache(&["prune", "--all"]);
    signal("-CONT");
    assert!(said.contains("not removed, because a build uses it: layer"), "{said}");
    assert!(child.wait().unwrap().success());
    place.is_sound();
    cache(&["prune", "--all"]);
    assert!(cache(&[]).starts_with("0 entries, 0 bytes, in "), "{}", cache(&[]));
}
