//! Virtual machines: what a rehearsal and the provisioning of a cloud image have in common.

pub mod accelerator;
pub mod config_drive;
pub mod one_shot;
pub mod qemu;

pub use accelerator::Accelerator;
pub use config_drive::InstanceIdentity;
pub use qemu::{NOVA, QemuConfig};
