//! The only code that touches the machine: processes, tools, downloads, work folders, signals.

pub mod clock;
pub mod command;
pub mod destination;
pub mod fetch;
pub mod files;
pub mod keeper;
pub mod lock;
pub mod memory;
pub mod privilege;
pub mod running;
pub mod signals;
pub mod space;
mod subordinate;
pub mod tools;
pub mod work;
