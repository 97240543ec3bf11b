//! The only code that touches the machine: processes, tools, work folders, signals.

pub mod clock;
pub mod command;
pub mod files;
pub mod keeper;
pub mod lock;
pub mod signals;
pub mod tools;
pub mod work;
