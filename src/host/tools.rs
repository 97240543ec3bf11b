//! What imagegen needs of the machine that it runs on, and how to get what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::cmd::Cmd;
use super::privilege::is_root;
use super::signals;
use super::subordinate;
use crate::failure::{Failure, MissingPrerequisite, Result};

/// A program of the host.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// What it is called.
    pub name: &'static str,
    /// What it is for, in a few words.
    purpose: &'static str,
    /// The package of Debian and Ubuntu that has it.
    package: &'static str,
    /// The oldest version that will do; all of them print it by `--version`.
    oldest: Option<(u32, u32)>,
}

const SETPRIV: Program = Program {
    name: "setpriv",
    purpose: "to end child processes when imagegen ends",
    package: "util-linux",
    oldest: None,
};
/// Bootstraps Debian.
pub const MMDEBSTRAP: Program = Program {
    name: "mmdebstrap",
    purpose: "to bootstrap Debian",
    package: "mmdebstrap",
    oldest: Some((1, 2)),
};
const NEWUIDMAP: Program =
    Program { name: "newuidmap", purpose: "to build without being root", package: "uidmap", oldest: None };
// `--require-hashes` with wheels for another Python is as old as pip 20; Debian 12 has 23.
/// Fetches sets of Python packages.
pub const PIP: Program = Program {
    name: "pip3",
    purpose: "to fetch JupyterHub and the notebooks' packages",
    package: "python3-pip",
    oldest: Some((22, 0)),
};
// Its lock format 3 came with npm 7.
/// Fetches sets of npm packages.
pub const NPM: Program = Program {
    name: "npm",
    purpose: "to fetch the proxy of JupyterHub",
    package: "npm",
    oldest: Some((7, 0)),
};
// --preserve-digests came with 1.5.
/// Fetches container images from registries.
pub const SKOPEO: Program = Program {
    name: "skopeo",
    purpose: "to fetch container images from registries",
    package: "skopeo",
    oldest: Some((1, 5)),
};
// compression_type=zstd came with 5.1.
/// Makes and converts disk images.
pub const QEMU_IMG: Program = Program {
    name: "qemu-img",
    purpose: "to write qcow2 images",
    package: "qemu-utils",
    oldest: Some((5, 1)),
};
// `-netdev stream` came with 7.2.
/// Runs virtual machines.
pub const QEMU: Program = Program {
    name: "qemu-system-x86_64",
    purpose: "to run virtual machines",
    package: "qemu-system-x86",
    oldest: Some((7, 2)),
};

/// Checks signatures over lists of checksums.
pub const GPGV: Program = Program {
    name: "gpgv",
    purpose: "to check who signed a cloud image's checksums",
    package: "gpgv",
    oldest: None,
};

/// Signs, and checks signatures.
pub const SSH_KEYGEN: Program = Program {
    name: "ssh-keygen",
    purpose: "to sign images, or to check who signed them",
    package: "openssh-client",
    oldest: None,
};

/// The keys by which mmdebstrap trusts Debian's archive, and the package that has them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const KEYRING_PACKAGE: &str = "debian-archive-keyring";

/// What each kind of work needs.
const FOR_BUILD: &[Program] = &[SETPRIV, QEMU_IMG];
const FOR_LAYERS: &[Program] = &[MMDEBSTRAP];
const FOR_LAYERS_WITHOUT_ROOT: &[Program] = &[NEWUIDMAP];
const FOR_SETS: &[Program] = &[PIP, NPM];
const FOR_REGISTRIES: &[Program] = &[SKOPEO];
const FOR_REHEARSAL: &[Program] = &[SETPRIV, QEMU_IMG, QEMU];

/// The Debian packages with all that building the built-in images and rehearsing need, for root and for ordinary users.
#[must_use]
pub fn required_packages() -> BTreeSet<&'static str> {
    let kinds = [FOR_BUILD, FOR_LAYERS, FOR_LAYERS_WITHOUT_ROOT, FOR_SETS, FOR_REGISTRIES, FOR_REHEARSAL];
    kinds.into_iter().flatten().map(|program| program.package).chain([KEYRING_PACKAGE]).collect()
}

/// How many processors this process may use.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What any build lacks here beside room on the disk.
#[must_use]
pub fn missing_for_build() -> Vec<MissingPrerequisite> {
    let mut lacking = missing_programs(FOR_BUILD);
    lacking.extend(super::clock::missing());
    lacking
}

/// What making root trees lacks here. To ask mmdebstrap for its version takes a quarter of a second.
#[must_use]
pub fn missing_for_trees() -> Vec<MissingPrerequisite> {
    let mut lacking = missing_programs(FOR_LAYERS);
    if !Path::new(KEYRING).exists() {
        lacking.push(missing_prerequisite("Debian's archive keys", install(KEYRING_PACKAGE)));
    }
    lacking.extend(missing_plain_folder(&std::env::temp_dir()));
    if !is_root() {
        lacking.extend(missing_programs(FOR_LAYERS_WITHOUT_ROOT));
        lacking.extend(missing_subordinate_ids());
        lacking.extend(missing_user_namespaces());
    }
    lacking
}

/// What fetching sets of Python and npm packages lacks here. To ask them for their versions takes a second.
#[must_use]
pub fn missing_for_bundles() -> Vec<MissingPrerequisite> {
    missing_programs(FOR_SETS)
}

/// What fetching container images from registries lacks here.
#[must_use]
pub fn missing_for_registries() -> Vec<MissingPrerequisite> {
    missing_programs(FOR_REGISTRIES)
}

/// What a rehearsal with machines of `memory` MiB in all lacks here.
#[must_use]
pub fn missing_for_rehearsal(memory: u64) -> Vec<MissingPrerequisite> {
    let mut lacking = missing_programs(FOR_REHEARSAL);
    if let Some(free) = super::memory::available().map(|bytes| bytes >> 20).filter(|free| *free < memory) {
        let what = format!("memory: the machines take {memory} MiB and {free} MiB are free");
        lacking.push(missing_prerequisite(what, "end other programs, or rehearse with fewer nodes"));
    }
    lacking
}

/// What is not here of the files that virtual machines with UEFI start from.
#[must_use]
pub fn missing_firmware(files: &[PathBuf]) -> Vec<MissingPrerequisite> {
    let missing = files.iter().find(|file| !file.is_file());
    let what = |file: &PathBuf| format!("{}, to boot virtual machines by UEFI", file.display());
    missing.map(|file| missing_prerequisite(what(file), install("ovmf"))).into_iter().collect()
}

/// What making an image from a cloud image lacks here: a machine of `memory` MiB, and a way to check signatures where
/// one is to be checked.
#[must_use]
pub fn missing_for_provision(memory: u64, signed: bool) -> Vec<MissingPrerequisite> {
    let mut lacking = missing_for_rehearsal(memory);
    lacking.extend(missing_programs(if signed { &[GPGV] } else { &[] }));
    lacking
}

/// What signing, or checking signatures, lacks here.
#[must_use]
pub fn missing_for_signatures() -> Vec<MissingPrerequisite> {
    missing_programs(&[SSH_KEYGEN])
}

/// Fails where something is lacking.
///
/// # Errors
/// [`Failure::Host`] with all of it.
pub fn require(lacking: Vec<MissingPrerequisite>) -> Result<()> {
    // A program that a signal ended has said nothing of its version.
    signals::check()?;
    if lacking.is_empty() { Ok(()) } else { Err(Failure::Host(lacking)) }
}

pub(super) fn missing_prerequisite(
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> MissingPrerequisite {
    MissingPrerequisite { what: what.into(), remedy: remedy.into() }
}

/// The command that installs a package on Debian and Ubuntu.
fn install(package: &str) -> String {
    if package == QEMU.package {
        // Where qemu-utils came from backports, apt refuses the emulator unless both are given in one version.
        let version = format!("$(apt-cache policy {package} | sed -n 's/^ *Candidate: //p')");
        return format!("apt-get install --allow-downgrades {package} \"qemu-utils={version}\"");
    }
    format!("apt-get install {package}")
}

fn missing_programs(programs: &[Program]) -> Vec<MissingPrerequisite> {
    programs.iter().filter_map(|program| missing_program(*program)).collect()
}

fn missing_program(program: Program) -> Option<MissingPrerequisite> {
    let Program { name, purpose, package, oldest } = program;
    let Some(path) = find(name) else {
        return Some(missing_prerequisite(format!("{name}, {purpose}"), install(package)));
    };
    let (major, minor) = oldest?;
    let said = said(&path);
    match version(&said) {
        Some(found) if found >= (major, minor) => None,
        found => {
            let have = found.map_or("an unknown version".into(), |(major, minor)| format!("{major}.{minor}"));
            Some(missing_prerequisite(
                format!("{name} {major}.{minor} or newer, {purpose} (this is {have})"),
                install(package),
            ))
        }
    }
}

/// What a program says of itself, asked once: some of them take half a second to answer.
fn said(path: &Path) -> String {
    static SAID: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let mut known = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let ask = || Cmd::new(path).arg("--version").output().unwrap_or_default();
    known.entry(path.to_owned()).or_insert_with(ask).clone()
}

/// The version of a program on this machine, if it is there: the first word that begins with a number and a dot.
#[must_use]
pub fn version_of(program: Program) -> Option<String> {
    let said = said(&find(program.name)?);
    said.split_whitespace()
        .find(|word| version(word).is_some())
        .map(|word| word.trim_end_matches(',').to_owned())
}

/// The program's path; an ordinary user's `PATH` need not have the folders of system programs.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The first number with a dot in what a program says of itself.
fn version(said: &str) -> Option<(u32, u32)> {
    said.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    })
}

/// apt reads its archive below this folder, by a line in which blanks and brackets mean something (sources.list(5)).
fn missing_plain_folder(folder: &Path) -> Option<MissingPrerequisite> {
    let shown = folder.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:=@~".contains(letter);
    (!shown.chars().all(plain)).then(|| {
        let what = format!("a folder for temporary files with a plain name: apt cannot work in `{shown}`");
        missing_prerequisite(what, "export TMPDIR=/var/tmp")
    })
}

fn missing_subordinate_ids() -> Vec<MissingPrerequisite> {
    let [uids, gids] =
        ["/etc/subuid", "/etc/subgid"].map(|file| fs_err::read_to_string(file).unwrap_or_default());
    subordinate::missing(&user_name(), &uids, &gids)
}

/// mmdebstrap looks for the name of the real user, who may be known to a directory server alone.
fn user_name() -> String {
    let named = Cmd::new("id").args(["-r", "-u", "-n"]).output().map(|name| name.trim().to_owned());
    named.unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string())
}

/// Some distributions forbid user namespaces to ordinary programs, each by a setting of its own.
fn missing_user_namespaces() -> Option<MissingPrerequisite> {
    if Cmd::new("unshare").args(["--user", "--map-root-user", "true"]).run().is_ok() {
        return None;
    }
    let apparmor = Path::new("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    let setting = if apparmor.exists() {
        "kernel.apparmor_restrict_unprivileged_userns=0"
    } else {
        "kernel.unprivileged_userns_clone=1"
    };
    Some(missing_prerequisite(
        "user namespaces for ordinary users, to build without being root",
        format!("sudo sysctl -w {setting}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(version("mmdebstrap 1.3.5\n"), Some((1, 3)));
        assert_eq!(version("qemu-img version 10.0.2 (Debian 1:10.0.2+ds-2)"), Some((10, 0)));
        assert_eq!(version("no number here"), None);
    }

    #[test]
    fn the_emulator_is_installed_in_one_version_with_its_tools() {
        let remedy = install(QEMU.package);
        assert_eq!(
            remedy,
            "apt-get install --allow-downgrades qemu-system-x86 \"qemu-utils=$(apt-cache policy qemu-system-x86 | \
             sed -n 's/^ *Candidate: //p')\""
        );
    }

    #[test]
    fn a_missing_program_names_the_command_that_installs_it() {
        let program = Program { name: "imagegen-no-such-program", ..MMDEBSTRAP };
        let shortage = missing_program(program).expect("it is missing");
        assert_eq!(shortage.remedy, "apt-get install mmdebstrap");
    }

    #[test]
    fn a_program_that_is_too_old_counts_as_missing() {
        let program = Program { oldest: Some((9999, 0)), ..SETPRIV };
        assert!(missing_program(program).expect("too old").what.contains("9999.0 or newer"));
    }
}
