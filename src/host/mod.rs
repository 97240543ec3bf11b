//! The only code that touches the machine: processes, tools, downloads, work folders, signals.

pub mod child;
pub mod clock;
pub mod cmd;
pub mod destination;
pub mod fetch;
pub mod files;
pub mod lock;
pub mod memory;
pub mod privilege;
pub mod reaper;
pub mod signals;
pub mod space;
mod subordinate;
pub mod tools;
pub mod workdir;
