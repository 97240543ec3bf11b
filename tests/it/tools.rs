//! The programs that tests run beside imagegen.

use std::path::PathBuf;

use crate::{imagegen, project, text};

/// The system's own program of this name: a virtual environment has another Python, which lacks the system's modules.
///
/// A test that misses it stops with the package that has it.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("{}", missing(name)))
}

fn find(name: &str) -> Option<PathBuf> {
    let system = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = system.into_iter().chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn missing(name: &str) -> String {
    let packages = packages();
    let (_, package) = packages.iter().find(|(program, _)| program == name).unwrap_or_else(|| {
        panic!("tests/tools.txt does not say which package has {name}");
    });
    format!("{name} is missing, which this test runs: apt-get install {package}")
}

/// The programs of `tests/tools.txt`, each with its package.
fn packages() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(project("tests/tools.txt")).unwrap();
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    pairs.map(|(program, package)| (program.to_owned(), package.to_owned())).collect()
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    assert_eq!(find("imagegen-no-such-program"), None);
    assert_eq!(missing("mke2fs"), "mke2fs is missing, which this test runs: apt-get install e2fsprogs");
}

#[test]
fn every_program_that_tests_run_has_a_package() {
    let packages = packages();
    let mut found = 0;
    for folder in ["tests/it", "tests/it/inspect", "tests/it/pages"] {
        for file in std::fs::read_dir(project(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(code) = std::fs::read_to_string(&file) else { continue };
            for name in code.split("program(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                found += 1;
                assert!(packages.iter().any(|(program, _)| program == name), "{}: {name}", file.display());
            }
            assert!(!starts_by_name(&code), "{} starts a program past `program`", file.display());
        }
    }
    assert!(found > 20, "{found}");
}

/// Whether a test names a program where it starts it, whose absence would be told without its package.
fn starts_by_name(code: &str) -> bool {
    code.contains(&["Command::new", "(\""].concat())
}

#[test]
fn the_packages_of_a_release_are_what_the_doctor_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path()).args(["doctor", "--packages"]).output().unwrap();
    let packages = text(&output.stdout);
    assert!(output.status.success() && packages.contains("mmdebstrap\n"), "{packages}");
    // Where there is no program at all, the doctor names a command for each of them.
    let mut command = imagegen(folder.path());
    command.arg("doctor").env("PATH", folder.path()).env("XDG_CACHE_HOME", folder.path());
    let said = text(&command.output().unwrap().stderr);
    let setup = std::fs::read_to_string(project(".ci/setup")).unwrap();
    for package in packages.lines() {
        assert!(setup.contains(package), ".ci/setup does not install {package}");
    }
    let asked = said.lines().filter(|line| line.contains("apt-get install"));
    for line in asked {
        assert!(packages.lines().any(|package| line.contains(package)), "{line}\n{packages}");
    }
    assert!(said.contains("apt-get install mmdebstrap"), "{said}");
}
