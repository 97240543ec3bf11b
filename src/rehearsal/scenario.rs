//! What is to be rehearsed.

use crate::util::debug_only;
use std::path::PathBuf;

use super::cluster::Student;
use super::{Cloud, Firmware, PortForward};
use crate::workshop::Transport;

/// What is to be rehearsed.
pub struct Scenario {
    /// The images of hub and node.
    pub images: [PathBuf; 2],
    /// Whether they are ordinary cloud images, which need packages from outside.
    pub plain: bool,
    /// Where the engine is the classic one: those of its container images that stand-ins are made for.
    pub classic: Option<Vec<String>>,
    /// The folder with the homes on the hub.
    pub homes: String,
    /// Whether the hub has a volume for them.
    pub volume: bool,
    /// What they travel over.
    pub transport: Transport,
    /// Folders that nodes mount from the hub to read: the path on nodes, the folder on the hub.
    pub shares: Vec<(String, String)>,
    /// What all machines boot by.
    pub firmware: Firmware,
    /// Where the logs go.
    pub logs: PathBuf,
    /// The hub's user-data.
    pub hub: String,
    /// The text that all nodes share.
    pub node: String,
    /// How many nodes.
    pub nodes: u8,
    /// Everybody with an account.
    pub students: Vec<Student>,
    /// How many of them log in and work.
    pub present: usize,
    /// How many materials there are for them, which the rehearsal serves.
    pub materials: usize,
    /// The SHA-256 of the hub's certificate, in hexadecimal.
    pub fingerprint: String,
    /// Whether the start of a notebook is measured beside the checks.
    pub timed: bool,
    /// A way in for a browser.
    pub forward: Option<PortForward>,
    /// What surrounds the machines.
    pub cloud: Cloud,
}

debug_only!(Scenario { images, classic, homes, firmware, logs, nodes, students, present, materials, cloud });
