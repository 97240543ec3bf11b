//! What machines of a rehearsal need from outside: the mirror's address, and container images that no registry gives.

use std::net::ToSocketAddrs;

use anyhow::{Context, anyhow};

use super::Scenario;
use super::vm::{BOOT_TIMEOUT, Vm};
use crate::failure::Result;

/// Makes the stand-ins for the classic engine's images.
const STAND_IN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/stand_in.sh"));
/// The container image that each machine of a classic workshop has from us, with a Python in it.
pub(super) const IMAGE: &str = "imagegen/rehearsal";
/// What runs in them.
const PROGRAM: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/stand_in.py"));
/// Prints the names of mirrors.
const MIRRORS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/mirrors.sh"));

/// Gives a machine, as soon as it can be talked to, what the script says that it needs.
pub(super) fn prepare(machine: &mut Vm, scenario: &Scenario) -> Result<()> {
    if scenario.plain {
        machine.wait_for_success("the machine's agent", BOOT_TIMEOUT, &["true"])?;
        introduce_mirrors(machine)?;
    }
    if let Some(names) = &scenario.classic {
        bring_stand_ins(machine, names)?;
    }
    Ok(())
}

/// The machine reaches what this host reaches, but may not know it by the same names: `/etc/hosts` is this host's own.
pub(super) fn introduce_mirrors(machine: &mut Vm) -> Result<()> {
    let names = machine.stdout_of(&["sh", "-c", MIRRORS])?;
    for name in names.lines() {
        let mut addresses = (name, 80).to_socket_addrs().with_context(|| format!("looking up {name}"))?;
        let address = addresses.find(std::net::SocketAddr::is_ipv4);
        let address = address.ok_or_else(|| anyhow!("{name} has no IPv4 address"))?.ip();
        machine.stdout_of(&["sh", "-c", r#"echo "$1" >>/etc/hosts"#, "sh", &format!("{address} {name}")])?;
    }
    Ok(())
}

/// Makes our image, and gives it the names of those that it stands in for.
fn bring_stand_ins(machine: &mut Vm, names: &[String]) -> Result<()> {
    machine.wait_for_success("Docker", BOOT_TIMEOUT, &["docker", "version"])?;
    machine.write_file("/run/imagegen-stand-in.py", PROGRAM)?;
    let mut command = vec![
        "sh",
        "-c",
        r#"script=$1; shift; sh -c "$script" sh "$@" </run/imagegen-stand-in.py"#,
        "sh",
        STAND_IN,
        IMAGE,
    ];
    command.extend(names.iter().map(String::as_str));
    machine.stdout_of(&command).map(drop)
}
