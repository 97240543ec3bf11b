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
pub mod random;
pub mod reaper;
pub mod shell;
pub mod signals;
pub mod space;
mod subordinate;
mod sync;
pub mod tool_failure;
pub mod tools;
pub mod workdir;
