//! The scripts that run inside instances, as far as they can run here.

use std::cmp::Reverse;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use assert_cmd::Command;

use crate::{imagegen, program, project, text};

/// Runs a command in a network of its own, which has a loopback interface and nothing else: the programs of instances have
/// fixed ports, and the same tests may run twice at once. Root stays root, who may become other users.
fn alone() -> Command {
    let mut command = Command::new(program("unshare"));
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    command
}

/// What takes longest, and is started first.
const LONG_MODULES: [&str; 2] = ["test_jupyterhub", "test_inbound"];
/// They wait for time to pass more than they compute.
const MODULES_AT_ONCE: usize = 4;

/// The modules of `tests/guest`, the last of which is to be started first.
fn modules() -> Vec<String> {
    let files = std::fs::read_dir(project("tests/guest")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with("test_"))
        .filter_map(|name| Some(name.strip_suffix(".py")?.to_owned()))
        .collect();
    let place = |name: &String| LONG_MODULES.iter().position(|long| long == name).unwrap_or(usize::MAX);
    names.sort_by_key(|name| (Reverse(place(name)), name.clone()));
    assert!(names.ends_with(&["test_inbound".to_owned(), "test_jupyterhub".to_owned()]), "{names:?}");
    names
}

fn pass(module: &str) {
    let output = alone()
        .arg(program("python3"))
        .args(["-B", "-m", "unittest", module])
        .env("IMAGEGEN", env!("CARGO_BIN_EXE_imagegen"))
        .current_dir(project("tests/guest"))
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success() && !said.contains("Ran 0 tests"), "{module}: {said}");
}

#[test]
fn the_python_scripts_do_what_their_tests_say() {
    let modules = Mutex::new(modules());
    let next = || modules.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..MODULES_AT_ONCE {
            scope.spawn(|| {
                while let Some(module) = next() {
                    pass(&module);
                }
            });
        }
    });
}

const HUB: &[&str] = &["hub"];
const NODE: &[&str] = &["node", "--hub-ip", "10.0.0.5"];

/// The names of the workshops that other tests have too.
fn workshops() -> Vec<String> {
    let files = std::fs::read_dir(project("tests/fixtures/workshops")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned())).collect();
    names.sort();
    names
}

/// Prints the user-data of a machine into a file of the folder; gives the file's name.
fn printed(folder: &Path, workshop: &str, machine: &[&str], stock: &[&str]) -> String {
    let secrets = folder.join("secrets.yaml");
    std::fs::copy(project("tests/fixtures/workshop.secrets.yaml"), &secrets).unwrap();
    std::fs::set_permissions(&secrets, PermissionsExt::from_mode(0o600)).unwrap();
    let name = format!("{workshop}-{}{}", machine[0], stock.concat());
    let file = project(&format!("tests/fixtures/workshops/{workshop}.yaml"));
    let mut command = imagegen(folder);
    command.args(machine).args(stock).args(["--for", "nova", "--output", &name]).arg("--workshop").arg(file);
    command.arg("--secrets").arg(secrets).assert().success();
    name
}

/// Runs a program of `tests/guest` in the folder.
fn guest(folder: &Path, name: &str) -> Command {
    let mut command = Command::new(program("python3"));
    command.arg("-B").arg(project(&format!("tests/guest/{name}"))).current_dir(folder);
    command
}

#[test]
fn the_programs_of_the_images_accept_the_texts_of_many_workshops() {
    let folder = tempfile::tempdir().unwrap();
    let machines = workshops().into_iter().flat_map(|name| [(name.clone(), HUB), (name, NODE)]);
    let texts: Vec<String> =
        machines.map(|(name, machine)| printed(folder.path(), &name, machine, &[])).collect();
    guest(folder.path(), "levels.py").args(texts).assert().success();
}

#[test]
fn the_programs_that_ordinary_images_get_find_each_other() {
    let folder = tempfile::tempdir().unwrap();
    for name in workshops() {
        let [hub, node] = [HUB, NODE].map(|machine| printed(folder.path(), &name, machine, &["--stock"]));
        guest(folder.path(), "stock.py").args([hub, node]).assert().success();
    }
}
