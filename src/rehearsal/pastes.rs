//! User-data as it arrives from clipboards and forms: what one image by itself makes of it.

use crate::util::debug_only;
use std::time::Duration;

use anyhow::{anyhow, ensure};

use super::spec::Spec;
use super::vm::BOOT_TIMEOUT;
use super::vm::Vm;
use crate::failure::Result;

/// What a golden image has, and no other.
const LEVEL: &str = "/usr/lib/imagegen/level";
/// Which of the texts an image is for.
const ROLE: &str = "/usr/lib/imagegen/role";
/// What would listen on a machine that had its part in a workshop.
const SERVICES: [&str; 3] = ["docker.service", "nfs-server.service", "autofs.service"];
/// How long a machine that answers may take to judge its user-data.
const JUDGING: Duration = Duration::from_secs(300);
/// What the console repeats where there is none.
pub(super) const NOTHING: &str = "This instance got no user-data";

/// The user-data of a usual workshop, for images of both roles.
pub struct Texts {
    /// The hub's.
    pub hub: String,
    /// The nodes'.
    pub node: String,
}

debug_only!(Texts {});

impl Texts {
    /// The text for what a machine was launched from.
    pub(super) fn of(&self, machine: &mut Vm) -> Result<&str> {
        Ok(if machine.stdout_of(&["cat", ROLE])? == "hub" { &self.hub } else { &self.node })
    }
}

/// Something that happens to a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spoiling {
    /// It can be put right.
    Utf16,
    /// It cannot.
    CutOff,
}

impl Spoiling {
    pub(super) const ALL: [Self; 2] = [Self::Utf16, Self::CutOff];

    /// What it is, in the words of a step.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Utf16 => "user-data in UTF-16 is converted",
            Self::CutOff => "user-data that is cut off is refused",
        }
    }

    /// A machine whose user-data this has happened to.
    pub(super) fn spec(self, text: &str) -> Spec {
        let (log, text) = match self {
            // Of plain ASCII: each second byte is zero.
            Self::Utf16 => ("paste-utf-16", text.chars().flat_map(|letter| [letter, '\0']).collect()),
            Self::CutOff => ("paste-cut-off", text[..text.len() * 2 / 3].to_owned()),
        };
        Spec::node(1, Some(text)).with_log(log.to_owned())
    }

    /// Looks at that machine; gives what was seen.
    pub(super) fn look(self, machine: &mut Vm) -> Result<String> {
        machine.wait_for_success("the machine's agent", BOOT_TIMEOUT, &["true"])?;
        match self {
            Self::Utf16 => {
                machine.wait_for_console("The user-data arrived with UTF-16; this was repaired.", JUDGING)?;
                let account = ["getent", "passwd", "training30"];
                machine.wait_for_success("the workshop's accounts", BOOT_TIMEOUT, &account)?;
                machine.wait_for_success("Docker", BOOT_TIMEOUT, &["docker", "info"])?;
                Ok("the machine has the workshop's accounts, and Docker runs".into())
            }
            Self::CutOff => refused(machine, "The user-data is cut off"),
        }
    }
}

/// Whether a machine has the programs that judge user-data.
pub(super) fn judges(machine: &mut Vm) -> Result<bool> {
    Ok(machine.run(&["test", "-e", LEVEL])?.ok())
}

/// Waits until the console says why the machine does nothing, and sees to it that it does nothing.
pub(super) fn refused(machine: &mut Vm, words: &str) -> Result<String> {
    machine.wait_for_console(&format!("imagegen: {words}"), JUDGING)?;
    for service in SERVICES {
        let state = machine.run(&["systemctl", "is-active", service])?.stdout;
        ensure_idle(service, state.trim())?;
    }
    let sockets = machine.stdout_of(&["ss", "-lntuH"])?;
    let open: Vec<&str> = sockets.lines().filter(|line| is_open(line)).collect();
    if open.is_empty() {
        return Ok("the console says so, and nothing listens".into());
    }
    Err(anyhow!("on {}, something listens:\n{}", machine.spec.name, open.join("\n")).into())
}

fn ensure_idle(service: &str, state: &str) -> anyhow::Result<()> {
    ensure!(["inactive", "unknown"].contains(&state), "{service} is {state}");
    Ok(())
}

/// Whether a line of ss(8) shows a socket that somebody else could reach, and that is not the DHCP client's.
fn is_open(line: &str) -> bool {
    let local = line.split_whitespace().nth(4).unwrap_or_default();
    let (address, port) = local.rsplit_once(':').unwrap_or_default();
    !(address.starts_with("127.") || address.starts_with("[::1]") || ["68", "546"].contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_to_itself_or_for_its_address_is_not_open() {
        for (line, open) in [
            ("udp UNCONN 0 0 127.0.0.54:53 0.0.0.0:*", false),
            ("udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*", false),
            ("udp UNCONN 0 0 10.0.2.15%ens4:68 0.0.0.0:*", false),
            ("udp UNCONN 0 0 [fe80::1]%ens4:546 [::]:*", false),
            ("tcp LISTEN 0 4096 [::1]:631 [::]:*", false),
            ("tcp LISTEN 0 4096 0.0.0.0:111 0.0.0.0:*", true),
            ("tcp LISTEN 0 4096 *:2377 *:*", true),
        ] {
            assert_eq!(is_open(line), open, "{line}");
        }
    }
}
