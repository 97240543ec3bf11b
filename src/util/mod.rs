//! Helpers that know nothing of images and workshops, and use no other room.

mod debug;
mod hex;
mod size;
mod version;

pub(crate) use debug::debug_only;
pub use hex::hex;
pub use size::size;
pub use version::VERSION;
