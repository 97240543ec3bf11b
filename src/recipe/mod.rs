//! Recipes: what an image consists of, read from `images/*.yaml`.
//!
//! A recipe stands alone (it names a `suite` to bootstrap, or a cloud image in its `from`) or builds on another one. Beside `NAME.yaml` there
//! may be a folder `NAME/`, the overlay: files that end up in the image under the same paths. A file of the overlay is
//! executable in the image when it begins with `#!`.

mod bundles;
mod catalogue;
mod cloud;
pub mod cloud_findings;
mod container;
mod esp;
pub mod findings;
mod kernel;
mod merged_usr;
mod preload;
mod read;

use sha2::{Digest, Sha256};

pub use bundles::{Bundle, Registry};
pub use catalogue::Catalogue;
pub use cloud::{CloudImage, Proof, Signature};
pub use container::ContainerConfig;
pub use esp::EspFile;
pub use kernel::KernelPackage;
pub use preload::{Preload, Reference};
pub(crate) use preload::{is_digest, is_name, is_tag};

use crate::document::Findings;

/// One recipe, as written; what it builds on is in [`Chain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The file's name without `.yaml`.
    pub name: String,
    /// What the image is for, in a sentence.
    pub description: String,
    /// Where the packages come from.
    pub parent: RecipeParent,
    /// The kernel of its machines, where it says so.
    pub kernel: Option<KernelPackage>,
    /// Debian packages to install, in the order of the file.
    pub packages: Vec<String>,
    /// Sets of packages from other registries than Debian's, locked and hashed.
    pub sets: Vec<Bundle>,
    /// Scripts that run inside the root file system after the packages and the sets are there.
    pub scripts: Vec<Script>,
    /// What makes it a container image in place of a machine's.
    pub container: Option<ContainerConfig>,
    /// The container images that it carries for Docker; those that recipes make, by the recipes' names.
    pub containers: Vec<Preload<String>>,
    /// Files that are laid over the root file system.
    pub overlay: Vec<OverlayFile>,
    /// What is on the EFI system partition, where its overlay says so.
    pub esp: Option<Vec<EspFile>>,
    /// Symbolic links to make: path in the image, target.
    pub links: Vec<(String, String)>,
    /// SHA-256 over the recipe's own files.
    digest: String,
}

impl Recipe {
    /// Whether it changes what mmdebstrap made below it; overlay and links are laid over that without mmdebstrap.
    #[must_use]
    pub fn makes_layer(&self) -> bool {
        !(self.packages.is_empty() && self.scripts.is_empty() && self.sets.is_empty())
    }
}

/// What a recipe starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipeParent {
    /// A Debian suite, bootstrapped from packages.
    Suite(String),
    /// Another recipe.
    Recipe(String),
    /// A cloud image of somebody else's.
    Cloud(CloudImage),
}

/// A script of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its path in the folder of recipes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A file of an overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayFile {
    /// Where it goes, without a leading slash.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl OverlayFile {
    /// The permission bits in the image: a folder of recipes inside a binary has none of its own, so a file that
    /// begins with `#!` counts as a program.
    #[must_use]
    pub fn mode(&self) -> u32 {
        if self.content.starts_with(b"#!") { 0o755 } else { 0o644 }
    }
}

/// A recipe and those that it builds on: first the one that bootstraps, last the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    recipes: Vec<Recipe>,
    suite: String,
    containers: Vec<Preload<Chain>>,
}

impl Chain {
    /// Reads the recipe `name` and everything below it.
    ///
    /// # Errors
    /// Every finding in all of them.
    pub fn load(catalogue: &Catalogue, name: &str) -> Result<Self, Findings> {
        read::chain(catalogue, name)
    }

    /// The recipe that was asked for.
    #[must_use]
    pub fn top(&self) -> &Recipe {
        &self.recipes[self.recipes.len() - 1]
    }

    /// The cloud image at the bottom, where it is one.
    #[must_use]
    pub fn cloud(&self) -> Option<&CloudImage> {
        match &self.recipes[0].parent {
            RecipeParent::Cloud(image) => Some(image),
            _ => None,
        }
    }

    /// The Debian suite at the bottom; empty where that is a cloud image, which alone knows.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// From the one that bootstraps to the one that was asked for.
    #[must_use]
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// The container images that the image carries for Docker, in the order in which the recipes name them.
    #[must_use]
    pub fn containers(&self) -> &[Preload<Self>] {
        &self.containers
    }

    /// Those among them that recipes make.
    pub fn made_containers(&self) -> impl Iterator<Item = &Self> {
        self.containers.iter().filter_map(|container| match container {
            Preload::Made(chain) => Some(chain),
            Preload::Registry(_) | Preload::Archive(_) => None,
        })
    }

    /// The kernel that a machine of this image gets beside the packages: what the topmost recipe says that says
    /// anything, and otherwise the one for clouds. A container has none, and recipes may name packages of their own.
    #[must_use]
    pub fn kernel(&self) -> Option<KernelPackage> {
        let mut packages = self.recipes.iter().flat_map(|recipe| &recipe.packages);
        if self.top().container.is_some() || packages.any(|package| kernel::is_kernel(package)) {
            return None;
        }
        let said = self.recipes.iter().rev().find_map(|recipe| recipe.kernel);
        Some(said.unwrap_or(KernelPackage::Cloud))
    }

    /// What is on the EFI system partition; nothing in an image that boots by BIOS alone.
    #[must_use]
    pub fn esp(&self) -> &[EspFile] {
        self.recipes.iter().rev().find_map(|recipe| recipe.esp.as_deref()).unwrap_or_default()
    }

    /// SHA-256 over all files of all recipes of the chain, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        self.recipes.iter().for_each(|recipe| hash.update(recipe.digest.as_bytes()));
        hex(&hash.finalize())
    }
}

/// Whether a path stays inside the image: relative, and without `..`.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(files: &[(&str, &str)]) -> Catalogue {
        Catalogue::new(
            "images",
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
        )
    }

    fn messages(findings: &Findings) -> Vec<&str> {
        findings.iter().map(|finding| finding.message.as_str()).collect()
    }

    #[test]
    fn the_built_in_recipes_are_sound_and_share_a_base() {
        let catalogue = Catalogue::built_in();
        let hub = Chain::load(&catalogue, "hub").expect("hub");
        let node = Chain::load(&catalogue, "node").expect("node");
        assert_eq!(hub.recipes()[0], node.recipes()[0]);
        assert_eq!(hub.suite(), "trixie");
        assert_ne!(hub.digest(), node.digest());
    }

    #[test]
    fn everything_wrong_is_told_at_once_across_the_files() {
        let catalogue = catalogue(&[
            ("base.yaml", "version: 1\nsuite: trixie\npackages: [systemd, 'Bad Name']\n"),
            (
                "hub.yaml",
                "version: 1\nfrom: base\npackges: []\nscripts: [nowhere.sh]\nlinks: {../etc/passwd: /dev/null}\n",
            ),
        ]);
        let findings = Chain::load(&catalogue, "hub").unwrap_err();
        assert_eq!(
            messages(&findings),
            [
                "unknown key `packges`",
                "`../etc/passwd` is not a path inside the image",
                "the script `nowhere.sh` is not there",
                "`Bad Name` is not the name of a Debian package",
            ]
        );
    }

    #[test]
    fn what_would_take_the_place_of_a_link_of_debian_is_told_with_all_the_rest() {
        let catalogue = catalogue(&[
            (
                "node.yaml",
                "version: 1\nsuite: trixie\npackages: ['Bad Name']\nlinks:\n  sbin/tool: /opt/tool\n  \
                 usr/sbin/tool: /opt/tool\n  ../lib/a: b\n",
            ),
            ("node/lib/udev/rules.d/90-a.rules", ""),
            ("node/lib/udev/rules.d/91-b.rules", ""),
            ("node/lib64/a.so", ""),
            ("node/usr/lib/a", ""),
            ("node/opt/lib/a", ""),
            ("node/library/a", ""),
        ]);
        let findings = Chain::load(&catalogue, "node").unwrap_err();
        let told: Vec<String> =
            findings.iter().map(|finding| format!("{}\n  {}", finding.message, finding.remedy)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        `sbin/tool` would put a folder in the place of Debian's link from `sbin` to `usr/sbin`
          write `usr/sbin/tool`
        `../lib/a` is not a path inside the image
          write it without a leading slash and without `..`, like `etc/resolv.conf`
        `node/lib/` would take the place of Debian's link from `lib` to `usr/lib`
          move its contents to `node/usr/lib/`
        `node/lib64/` would take the place of Debian's link from `lib64` to `usr/lib64`
          move its contents to `node/usr/lib64/`
        `Bad Name` is not the name of a Debian package
          use lower-case letters, digits and `+-.`, like `nfs-common`
        ");
        let label = &findings.iter().next().expect("the link").labels[0];
        assert_eq!(&label.source.text[label.span.clone()], "sbin/tool");
    }

    #[test]
    fn a_machine_has_the_kernel_that_its_recipes_ask_for() {
        let kernel = |base: &str, top: &str| {
            let text = |more: &str, ground: &str| format!("version: 1\n{ground}\n{more}\n");
            let (base, top) = (text(base, "suite: trixie"), text(top, "from: a"));
            let catalogue = catalogue(&[("a.yaml", base.as_str()), ("b.yaml", top.as_str())]);
            Chain::load(&catalogue, "b").expect("sound").kernel()
        };
        assert_eq!(kernel("", ""), Some(KernelPackage::Cloud));
        assert_eq!(kernel("kernel: general", ""), Some(KernelPackage::General));
        assert_eq!(kernel("kernel: cloud", "kernel: general"), Some(KernelPackage::General));
        assert_eq!(kernel("packages: [linux-image-rt-amd64]", ""), None);
        assert_eq!(kernel("", "container: {name: a}"), None);
    }

    #[test]
    fn wrong_kernels_are_told() {
        let catalogue = catalogue(&[
            ("a.yaml", "version: 1\nsuite: trixie\nkernel: clod\ncontainer: {name: a}\n"),
            ("b.yaml", "version: 1\nfrom: a\nkernel: cloud\npackages: [linux-image-amd64]\n"),
        ]);
        assert_eq!(
            messages(&Chain::load(&catalogue, "b").unwrap_err()),
            [
                "`linux-image-amd64` is a second kernel beside the one of `kernel`",
                "there is no kernel `clod`",
                "a container image has no kernel",
            ]
        );
    }

    #[test]
    fn the_esp_holds_what_the_topmost_list_says() {
        let list = "# The boot loaders.\n\nEFI/BOOT/BOOTX64.EFI /usr/lib/shim\n";
        let files = [
            ("a.yaml", "version: 1\nsuite: trixie\n"),
            ("a/usr/lib/imagegen/esp.list", list),
            ("b.yaml", "version: 1\nfrom: a\n"),
            ("c.yaml", "version: 1\nfrom: a\n"),
            ("c/usr/lib/imagegen/esp.list", "a ../b\nc\n/d /e\nf /g /h\n"),
        ];
        let file = EspFile { place: "EFI/BOOT/BOOTX64.EFI".into(), source: "usr/lib/shim".into() };
        assert_eq!(Chain::load(&catalogue(&files), "b").expect("sound").esp(), [file]);
        assert_eq!(
            messages(&Chain::load(&catalogue(&files), "c").unwrap_err()),
            ["a ../b", "c", "/d /e", "f /g /h"]
                .map(|line| format!("`{line}` names no file for the EFI system partition"))
        );
    }

    #[test]
    fn a_circle_of_recipes_is_refused() {
        let catalogue =
            catalogue(&[("a.yaml", "version: 1\nfrom: b\n"), ("b.yaml", "version: 1\nfrom: a\n")]);
        assert_eq!(
            messages(&Chain::load(&catalogue, "a").unwrap_err()),
            ["the recipes build on each other in a circle: a, b, a"]
        );
    }

    #[test]
    fn the_digest_changes_with_every_file_of_the_overlay() {
        let one = catalogue(&[("a.yaml", "version: 1\nsuite: trixie\n"), ("a/etc/motd", "one")]);
        let two = catalogue(&[("a.yaml", "version: 1\nsuite: trixie\n"), ("a/etc/motd", "two")]);
        let digest = |catalogue| Chain::load(catalogue, "a").expect("sound").digest();
        assert_ne!(digest(&one), digest(&two));
    }

    #[test]
    fn a_program_in_the_overlay_is_executable() {
        let file = |content: &str| OverlayFile { path: "a".into(), content: content.into() };
        assert_eq!(file("#!/bin/sh\n").mode(), 0o755);
        assert_eq!(file("key=value\n").mode(), 0o644);
    }
}
