//! imagegen: golden hub and node images, and the user-data that turns their instances into a JupyterHub workshop.
//!
//! # The code map
//!
//! Each room is a folder. The table in `tests/it/architecture.rs` says which room may use which; there is no cycle between
//! rooms, nor between files.
//!
//! | room | holds | may use the machine |
//! |---|---|---|
//! | [`cli`] | what can be typed; no decisions | no |
//! | [`commands`] | one file per verb; glue only | through the rooms below |
//! | [`rehearsal`] | machines, LAN, config drive, checks | yes |
//! | [`build`] | stages → files: layers, hygiene, ext4, disk, qcow2, artefacts; executes, never decides | yes |
//! | [`inspect`] | a disk image → what is in it, and what is wrong with it; reads through `Read` and `Seek` alone | no |
//! | [`plan`] | recipe + host facts → stages, keys, partition arithmetic | no |
//! | [`userdata`] | workshop → files → cloud-config text; the templates are in `userdata/` | no |
//! | [`workshop`] | `workshop.yaml` and secrets as typed values | no |
//! | [`recipe`] | `images/*.yaml` as typed values | no |
//! | [`ports`] | the ports that machines open, each with owner and peer; the table is in `images/` | no |
//! | [`document`] | YAML text as a tree that knows its places; findings | no |
//! | [`vm`] | one virtual machine: accelerator, config drive, a VM that runs once | yes |
//! | [`report`] | findings on screen, progress, exit codes | it alone prints |
//! | [`host`] | processes, tools, downloads, work folders, signals, randomness | it alone does |
//! | [`failure`] | what can go wrong, by exit code | no |
//! | [`util`] | hexadecimal digits, sizes, `Debug` without secrets | no |
//!
//! # Invariants
//!
//! Each is guarded by a test in `tests/it/architecture.rs`, unless another place is named.
//!
//! - Rooms use each other only as the table says; files never import each other in a circle.
//! - `document`, `workshop`, `userdata`, `ports`, `recipe`, `plan`, `inspect` and `util` are pure: they use neither `host` nor
//!   files, processes, clock, randomness or network.
//! - Only [`host::cmd`] starts processes, only [`report`] prints, only [`host::fetch`] uses the network, only
//!   [`host::random`] makes random numbers.
//! - `build` never uses `workshop`: recipes alone decide what is in an image.
//! - `Debug` shows no secret.
//! - Programs that run inside an instance are files in `images/` and `userdata/`; `src/` has command lines alone.
//! - No function takes two flags, or is longer than 50 lines; a type has its methods in at most three files. No file is longer
//!   than 350 lines without its tests (`tests/it/tidy.rs`).
//! - An artefact appears under its final name only when it is whole (`tests/it/failures.rs`, `.ci/kill-builds`).
//! - What is kept under a key was written in the format that the key names (`build::bootstrap`, `build::oci`).

pub mod build;
pub mod cli;
pub mod commands;
pub mod document;
pub mod failure;
pub mod host;
pub mod inspect;
pub mod plan;
pub mod ports;
pub mod recipe;
pub mod rehearsal;
pub mod report;
pub mod userdata;
pub mod util;
pub mod vm;
pub mod workshop;
