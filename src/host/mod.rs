//! The only code that touches the machine: processes, tools, downloads, work folders, signals.

pub mod command;
pub mod fetch;
pub mod files;
pub mod signals;
pub mod tools;
pub mod work;
