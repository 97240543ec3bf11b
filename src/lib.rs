//! imagegen: golden hub and node images, and the user-data that turns their instances into a JupyterHub workshop.
//!
//! # The code map
//!
//! | room | holds | may use the machine |
//! |---|---|---|
//! | [`cli`] | what can be typed; no decisions | no |
//! | [`commands`] | one file per verb; glue only | through the rooms below |
//! | [`document`] | YAML text as a tree that knows its places; findings | no |
//! | [`workshop`] | `workshop.yaml` and secrets as typed values | no |
//! | [`userdata`] | workshop → files → cloud-config text; the templates are in `userdata/` | no |
//! | [`ports`] | the ports that machines open, each with owner and peer; the table is in `images/` | no |
//! | [`recipe`] | `images/*.yaml` as typed values | no |
//! | [`plan`] | recipe + host facts → stages, keys, partition arithmetic | no |
//! | [`build`] | stages → files: layers, hygiene, ext4, disk, qcow2, artefacts; executes, never decides | yes |
//! | [`inspect`] | a disk image → what is in it, and what is wrong with it; reads through `Read` and `Seek` alone | no |
//! | [`rehearsal`] | machines, LAN, config drive, checks | yes |
//! | [`vm`] | one virtual machine: accelerator, config drive, a one-shot VM | yes |
//! | [`host`] | processes, tools, downloads, work folders, signals | it alone does |
//! | [`report`] | findings on screen, progress, exit codes | it alone prints |
//!
//! # Invariants
//!
//! - `document`, `workshop`, `userdata`, `ports`, `recipe`, `plan` and `inspect` import nothing from `host`: they are pure.
//! - Only [`host::cmd`] starts processes. Only [`report`] prints.
//! - `build` never reads a workshop, so no secret can get into an image.
//! - Secrets have no revealing `Debug` and never enter argv, a plan, a log or an image.
//! - An artefact appears under its final name only when it is whole.
//! - What runs inside an instance lives in `images/` and `userdata/`, never as a string in `src/`.

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
pub mod vm;
pub mod workshop;

/// The version, and the commit that it was built from where that is known: see `.cargo/commit.rs`.
pub const VERSION: &str = if env!("IMAGEGEN_COMMIT").is_empty() {
    env!("CARGO_PKG_VERSION")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("IMAGEGEN_COMMIT"), ")")
};
