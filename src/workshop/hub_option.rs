//! The hub's address on the command line.

use std::net::Ipv4Addr;

use super::{Workshop, address, overlaps};
use crate::document::{Findings, Location, Source};

/// Reads the value of `--hub-ip`.
pub fn of_command_line(text: &str, workshop: &Workshop, findings: &mut Findings) -> Option<Ipv4Addr> {
    let command = "imagegen node --hub-ip ";
    let source = Source::new("command line", format!("{command}{text}"));
    let location = Location { source, span: command.len()..command.len() + text.len() };
    let hub = address::hub(text, &location, workshop.network.cidr, findings)?;
    overlaps::note_hub(workshop, hub, &location, findings);
    Some(hub)
}
