//! Which kernel a machine boots.

use std::sync::Arc;

use super::findings;
use crate::document::{Fields, Source};

/// What the names of all packages with a kernel begin with.
const PACKAGES: &str = "linux-image-";

/// One of Debian's kernels, each in the newest version of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelPackage {
    /// Small, with the drivers of virtual machines alone.
    Cloud,
    /// With the drivers of everything, for clouds that hand real devices through or offer bare metal.
    General,
}

impl KernelPackage {
    /// The package that always depends on the newest version.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Cloud => "linux-image-cloud-amd64",
            Self::General => "linux-image-amd64",
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "cloud" => Some(Self::Cloud),
            "general" => Some(Self::General),
            _ => None,
        }
    }
}

/// Whether a package brings a kernel, so that none has to be added.
pub(super) fn is_kernel(package: &str) -> bool {
    package.starts_with(PACKAGES)
}

/// Reads the key `kernel` of a recipe.
pub(super) fn read(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Option<KernelPackage> {
    let (name, node) = fields.text("kernel", "kernel: general")?;
    let kernel = KernelPackage::named(name);
    if kernel.is_none() {
        fields.findings().push(findings::not_a_kernel(source, name, node));
    }
    if fields.get("container").is_some() {
        fields.findings().push(findings::kernel_of_a_container(source, node));
    }
    let packages = fields.list("packages", "packages: [nfs-common, autofs]").unwrap_or_default();
    for package in packages {
        if let crate::document::Value::Text(package_name) = &package.value
            && is_kernel(package_name)
        {
            fields.findings().push(findings::second_kernel(source, package_name, package, node));
        }
    }
    kernel
}
