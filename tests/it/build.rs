//! `imagegen build`: what it decides, and that a build which fails or is stopped leaves the last good image alone.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::registry::debugfs;
use crate::{convert, imagegen, program, recipes_with, text, wait_for};

#[test]
fn the_plan_of_the_built_in_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path())
        .args(["build", "all", "--plan"])
        .env("XDG_CACHE_HOME", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!(with_numbered_keys(&text(&output.stdout)));
    assert!(!folder.path().join("dist").exists(), "a plan does nothing");
}

/// Keys change with the code that makes what they are of; which of them are the same does not.
fn with_numbered_keys(plan: &str) -> String {
    let words = plan.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_key = |word: &&str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut keys: Vec<&str> = vec![];
    for key in words.filter(is_key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let number =
        |plan: String, (number, key): (usize, &&str)| plan.replace(*key, &format!("key-{}", number + 1));
    keys.iter().enumerate().fold(plan.to_owned(), number)
}

#[test]
fn a_wrong_recipe_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = folder.path().join("recipes");
    std::fs::create_dir(&recipes).unwrap();
    std::fs::write(recipes.join("node.yaml"), "version: 1\nsuite: trixie\npackges: [systemd]\n").unwrap();
    let output = imagegen(folder.path()).args(["build", "node", "--recipes", "recipes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr));
}

/// A recipe whose bootstrap cannot begin: nothing answers at its mirror.
fn broken(folder: &Path) -> assert_cmd::Command {
    let recipes = folder.join("recipes");
    std::fs::create_dir_all(&recipes).unwrap();
    std::fs::write(recipes.join("node.yaml"), "version: 1\nsuite: trixie\npackages: [bash]\n").unwrap();
    let mut command = imagegen(folder);
    command.args(["build", "node", "--recipes", "recipes", "--mirror", "http://127.0.0.1:9/debian"]);
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    command
}

#[test]
fn a_build_that_fails_keeps_the_last_good_image() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    std::fs::write(folder.path().join("dist/node.qcow2"), "the last good image").unwrap();
    let output = broken(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("mmdebstrap"), "{}", text(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(folder.path().join("dist")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read(folder.path().join("dist/node.qcow2")).unwrap(), b"the last good image");
    let layers = folder.path().join("cache/imagegen/layers");
    assert!(entries(&layers).is_empty(), "an unfinished layer was left");
}

/// A node that adds nothing to the base.
const BARE_NODE: &str = "version: 1\ndescription: A bare node\nfrom: base\n";

#[test]
#[ignore = "slow: it makes an image, and the layer below it where none is kept"]
fn manuals_are_not_in_an_image_and_what_says_who_may_copy_is() {
    let folder = tempfile::tempdir().unwrap();
    recipes_with(folder.path(), BARE_NODE);
    let output = imagegen(folder.path()).args(["build", "node", "--recipes", "recipes"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let raw = folder.path().join("raw");
    convert(&folder.path().join("dist/node.qcow2"), &raw);

    // The first is unpacked before dpkg is there, the others are not; the last one's folder is a link.
    let listed = |path: &str| {
        let said = debugfs(&raw, &format!("ls -p {path}"));
        let names = said.lines().filter_map(|line| line.split('/').nth(5).map(str::to_owned));
        names.filter(|name| !name.starts_with('.')).collect::<Vec<String>>()
    };
    for package in ["bash", "docker.io", "autofs"] {
        assert_eq!(listed(&format!("/usr/share/doc/{package}")), ["copyright"], "{package}");
    }
    assert!(listed("/usr/share/doc").contains(&"libgcc-s1".to_owned()));
    assert_eq!(listed("/usr/share/man/man1"), [""; 0]);
    assert_eq!(listed("/usr/share/locale/de/LC_MESSAGES"), [""; 0]);
    assert!(debugfs(&raw, "cat /etc/dpkg/dpkg.cfg.d/imagegen").contains("path-exclude=/usr/share/man"));
}

#[test]
#[ignore = "slow: it makes an image, and the layer below it where none is kept"]
fn an_image_with_a_fault_is_never_published() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = recipes_with(folder.path(), BARE_NODE);
    std::fs::create_dir_all(recipes.join("node/etc")).unwrap();
    std::fs::write(recipes.join("node/etc/hostname"), "builder\n").unwrap();
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    std::fs::write(folder.path().join("dist/node.qcow2"), "the last good image").unwrap();
    let output = imagegen(folder.path()).args(["build", "node", "--recipes", "recipes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let fault = "/etc/hostname: the name of one machine, which all instances would share";
    assert!(text(&output.stderr).contains(fault), "{}", text(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(folder.path().join("dist")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read(folder.path().join("dist/node.qcow2")).unwrap(), b"the last good image");
}

#[test]
fn a_pipeline_reads_why_a_build_failed() {
    let folder = tempfile::tempdir().unwrap();
    let events = |mut command: assert_cmd::Command, code: u8| -> Vec<serde_json::Value> {
        let output = command.arg("--json").output().unwrap();
        assert_eq!(output.status.code(), Some(code.into()));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let failed = events(broken(folder.path()), 4);
    let told: Vec<&str> = failed.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["build-started", "stage-started", "stage-failed", "build-failed"]);
    assert_eq!(failed[0]["format"], 1);
    assert_eq!(failed[1]["stage"], "layer node");
    assert_eq!(failed[2]["key"], failed[1]["key"]);
    assert_eq!((&failed[3]["kind"], &failed[3]["exit_code"]), (&"work".into(), &4.into()));
    assert!(failed[3]["messages"][0].as_str().unwrap().contains("mmdebstrap"), "{failed:?}");

    let mut wrong = imagegen(folder.path());
    wrong.args(["build", "node", "--recipes", "nowhere"]);
    let wrong = events(wrong, 1);
    assert_eq!((wrong.len(), &wrong[1]["kind"]), (2, &"input".into()));
}

/// Whether a process has a folder below `folder` as its root.
fn is_a_root(folder: &Path) -> bool {
    // Processes end while they are looked at.
    let roots =
        entries(Path::new("/proc")).into_iter().filter_map(|it| std::fs::read_link(it.join("root")).ok());
    roots.into_iter().any(|root| root.starts_with(folder))
}

/// A folder for temporary files of one run alone, which other users' namespaces can enter.
fn temporary(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("tmp");
    std::fs::create_dir(&path).unwrap();
    for (path, mode) in [(folder, 0o755), (path.as_path(), 0o1777)] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    path
}

/// What is in a folder; nothing where it was never made.
fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten();
    listed.map(|entry| entry.unwrap().path()).collect()
}

#[test]
#[ignore = "slow: it bootstraps packages"]
fn a_build_that_is_stopped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = temporary(folder.path());
    let packages = folder.path().join("cache/imagegen/packages");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_imagegen"))
        .args(["build", "base", "--no-cache"])
        .current_dir(folder.path())
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .env("TMPDIR", &temporary)
        .spawn()
        .unwrap();
    // Well into its work: packages are there, and something runs in the root file system that is made of them.
    wait_for("a process inside the new root file system", || {
        let seen = (entries(&packages).len(), entries(&temporary));
        if entries(&packages).is_empty() || !is_a_root(&temporary) { Err(seen) } else { Ok(()) }
    });
    let begun = Instant::now();
    std::process::Command::new(program("kill")).args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(30));
    for left in ["dist", "temporary", "cache/imagegen/layers", "cache/imagegen/sets"]
        .map(|path| entries(&folder.path().join(path)))
    {
        assert!(left.is_empty(), "{left:?}");
    }
    let packages = entries(&packages);
    assert!(packages.iter().all(|path| path.extension().is_some_and(|it| it == "deb")), "{packages:?}");
    assert!(entries(&temporary).is_empty(), "{:?}", entries(&temporary));
    let here = temporary.display().to_string();
    let mounts = entries(Path::new("/proc")).into_iter().map(|process| {
        // Processes end while they are looked at.
        std::fs::read_to_string(process.join("mounts")).unwrap_or_default()
    });
    assert_eq!(mounts.filter(|mounts| mounts.contains(&here)).collect::<Vec<_>>(), Vec::<String>::new());
}
