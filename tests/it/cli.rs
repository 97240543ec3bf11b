//! Help, completions, man pages, exit codes.

use crate::{imagegen, text};

#[test]
fn help_fits_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    for verb in [
        "",
        "init",
        "check",
        "hub",
        "node",
        "users",
        "authority",
        "restore-secrets",
        "schema",
        "build",
        "inspect",
        "rehearse",
        "doctor",
        "completions",
        "man",
    ] {
        let mut command = imagegen(folder.path());
        if !verb.is_empty() {
            command.arg(verb);
        }
        let output = command.arg("--help").output().unwrap();
        assert!(output.status.success(), "{verb}");
        for line in text(&output.stdout).lines() {
            assert!(line.chars().count() <= 100, "{verb}: {line}");
        }
    }
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    imagegen(folder.path()).arg("frobnicate").assert().code(2);
    imagegen(folder.path()).args(["node", "--for", "mars"]).assert().code(2);
    imagegen(folder.path()).args(["rehearse", "boot", "a", "--nodes", "2"]).assert().code(2);
    imagegen(folder.path()).args(["rehearse", "boot", "a", "--datasource", "metadata"]).assert().code(2);
    imagegen(folder.path()).args(["rehearse", "run", "--network", "token-ring"]).assert().code(2);
}

#[test]
fn a_slow_service_that_nobody_asks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for late in ["--metadata-delay", "--metadata-failures"] {
        let output = imagegen(folder.path()).args(["rehearse", "run", late, "90"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("add `--datasource metadata`"), "{}", text(&output.stderr));
    }
}

#[test]
fn completions_and_man_pages_name_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path()).args(["completions", "bash"]).output().unwrap();
    assert!(text(&output.stdout).contains("rehearse"));
    imagegen(folder.path()).args(["man", "pages"]).assert().success();
    for verb in [
        "init",
        "check",
        "hub",
        "node",
        "users",
        "authority",
        "restore-secrets",
        "schema",
        "build",
        "inspect",
        "rehearse",
        "doctor",
    ] {
        assert!(folder.path().join(format!("pages/imagegen-{verb}.1")).is_file(), "{verb}");
    }
}

#[test]
fn a_rehearsal_without_images_says_how_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [vec!["rehearse", "run"], vec!["rehearse", "bench"], vec!["rehearse", "boot", "node.qcow2"]]
    {
        let output = imagegen(folder.path()).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("imagegen build all"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_host_without_the_tools_is_told_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no programs here");
    // What the cache has is not made anew, and needs no program.
    let cache = tempfile::tempdir().unwrap();
    for (arguments, missing) in [
        (["build", "all"], "apt-get install mmdebstrap"),
        (["rehearse", "run"], "apt-get install --allow-downgrades"),
    ] {
        let mut command = imagegen(folder.path());
        command.args(arguments).env("PATH", &path).env("XDG_CACHE_HOME", cache.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(missing), "{}", text(&output.stderr));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was begun");
    }
}
