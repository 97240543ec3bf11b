//! Recipes: what an image consists of, read from `images/*.yaml`.
//!
//! A recipe stands alone (it names a `suite` to bootstrap, or a cloud image in its `from`) or builds on another one. Beside `NAME.yaml` there
//! may be a folder `NAME/`, the overlay: files that end up in the image under the same paths. A file of the overlay is
//! executable in the image when it begins with `#!`.

mod bundles;
mod catalogue;
mod chain;
mod cloud;
pub mod cloud_findings;
mod container;
mod esp;
pub mod findings;
mod inside;
mod kernel;
mod merged_usr;
mod places;
mod preload;
mod read;
mod syntax;

pub use bundles::{Bundle, Registry};
pub use catalogue::Catalogue;
pub use chain::{Chain, OverlayFile, Recipe, RecipeParent, Script};
pub use cloud::{CloudImage, Proof, Signature};
pub use container::ContainerConfig;
pub use esp::EspFile;
pub use kernel::KernelPackage;
pub use places::RecipePlaces;
pub use preload::{Preload, Reference};
pub(crate) use preload::{is_digest, is_name, is_tag};

use crate::document::Findings;

impl Chain {
    /// Reads the recipe `name` and everything below it.
    ///
    /// # Errors
    /// Every finding in all of them.
    pub fn load(catalogue: &Catalogue, name: &str) -> Result<Self, Findings> {
        read::chain(catalogue, name)
    }
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
