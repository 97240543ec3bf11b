//! The only code that touches the machine: processes, tools, work folders, signals.

pub mod command;
pub mod signals;
