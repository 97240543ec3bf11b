//! The wording of what can be wrong with a recipe.

use std::sync::Arc;

use crate::document::{Finding, MapKey, Node, Source};

/// A recipe that is not in the folder.
#[must_use]
pub fn no_such_recipe(name: &str, known: &[&str], asked: Option<(&Arc<Source>, &Node)>) -> Finding {
    let finding = Finding::error(
        format!("there is no recipe `{name}`"),
        format!("write `{name}.yaml`, or use one of these: {}", known.join(", ")),
    );
    match asked {
        Some((source, node)) => finding.at(source, node.span.clone(), "asked for here"),
        None => finding,
    }
}

/// A folder of recipes that is not there.
#[must_use]
pub fn no_such_folder(name: &str) -> Finding {
    Finding::error(
        format!("there is no folder {name} to read recipes from"),
        "name one that has `base.yaml`, `hub.yaml` and `node.yaml`; without --recipes the built-in recipes are used",
    )
}

/// Recipes that build on each other for ever.
#[must_use]
pub fn circle(names: &[String]) -> Finding {
    Finding::error(
        format!("the recipes build on each other in a circle: {}", names.join(", ")),
        "give one of them a `suite` instead of its `from`",
    )
}

/// Neither or both of `suite` and `from`.
#[must_use]
pub fn no_ground(source: &Arc<Source>, root: &Node) -> Finding {
    Finding::error(
        "a recipe needs either `suite` or `from`",
        "write `suite: trixie` to bootstrap, or `from: base` to add to another recipe",
    )
    .at(source, root.span.clone(), "one of them belongs in here")
}

/// A word that no Debian package can be called.
#[must_use]
pub fn not_a_package(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{name}` is not the name of a Debian package"),
        "use lower-case letters, digits and `+-.`, like `nfs-common`",
    )
    .at(source, node.span.clone(), "not a package")
}

/// A word that no Debian suite can be called.
#[must_use]
pub fn not_a_suite(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(format!("`{name}` is not the name of a Debian suite"), "write it like `trixie`").at(
        source,
        node.span.clone(),
        "not a suite",
    )
}

/// A script that is named and not there.
#[must_use]
pub fn no_such_script(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("the script `{path}` is not there"),
        "name it by its path in the folder of recipes, like `scripts/tidy.sh`",
    )
    .at(source, node.span.clone(), "not found")
}

/// A path that leaves the image or is none.
#[must_use]
pub fn not_a_path(source: &Arc<Source>, path: &str, span: std::ops::Range<usize>) -> Finding {
    Finding::error(
        format!("`{path}` is not a path inside the image"),
        "write it without a leading slash and without `..`, like `etc/resolv.conf`",
    )
    .at(source, span, "not inside the image")
}

/// A folder of an overlay that Debian has a link in the place of. Its files have no line to underline.
#[must_use]
pub fn overlay_behind_a_link(recipe: &str, folder: &str) -> Finding {
    Finding::error(
        format!(
            "`{recipe}/{folder}/` would take the place of Debian's link from `{folder}` to `usr/{folder}`"
        ),
        format!("move its contents to `{recipe}/usr/{folder}/`"),
    )
}

/// A link to make below a folder that is a link itself.
#[must_use]
pub fn link_behind_a_link(source: &Arc<Source>, key: &MapKey) -> Finding {
    let (path, folder) = (&key.name, key.name.split('/').next().unwrap_or_default());
    Finding::error(
        format!(
            "`{path}` would put a folder in the place of Debian's link from `{folder}` to `usr/{folder}`"
        ),
        format!("write `usr/{path}`"),
    )
    .at(source, key.span.clone(), format!("`{folder}` is a link"))
}

/// A word that no systemd unit can be called.
#[must_use]
pub fn not_a_unit(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{name}` is not the name of a systemd unit"),
        "write it with its ending, like `docker.service`",
    )
    .at(source, node.span.clone(), "not a unit")
}

/// A lock that is named and not there.
#[must_use]
pub fn no_such_lock(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("the lock `{path}` is not there"),
        "name it by its path in the folder of recipes, like `locks/hub.txt`",
    )
    .at(source, node.span.clone(), "not found")
}

/// A word that no container repository can be called.
#[must_use]
pub fn not_a_repository(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{name}` is not the name of a container image"),
        "use lower-case letters, digits and `._-` between slashes, without tag and digest, like `imagegen/notebook`",
    )
    .at(source, node.span.clone(), "not a name")
}

/// A recipe that is to be carried as a container image and makes none.
#[must_use]
pub fn no_container(name: &str, by: &str) -> Finding {
    Finding::error(
        format!(
            "the recipe `{by}` preloads the container image `{name}`, but that recipe makes a machine's image"
        ),
        format!("give `{name}.yaml` a section `container`, or take it out of `containers` of `{by}.yaml`"),
    )
}

/// A word that none of the kernels is called.
#[must_use]
pub fn not_a_kernel(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(
        format!("there is no kernel `{name}`"),
        "write `cloud` for the one with the drivers of virtual machines, or `general` for the one with all drivers",
    )
    .at(source, node.span.clone(), "not a kernel")
}

/// A kernel for what runs under its host's.
#[must_use]
pub fn kernel_of_a_container(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error("a container image has no kernel", "take out `kernel`, or the section `container`").at(
        source,
        node.span.clone(),
        "only for machines",
    )
}

/// A kernel by the key and another one by its package.
#[must_use]
pub fn second_kernel(source: &Arc<Source>, package: &str, node: &Node, key: &Node) -> Finding {
    Finding::error(
        format!("`{package}` is a second kernel beside the one of `kernel`"),
        "take out one of them: of two kernels, a machine boots the one installed last",
    )
    .at(source, node.span.clone(), "a kernel")
    .at(source, key.span.clone(), "and another one")
}

/// A line that names no file for the EFI system partition.
#[must_use]
pub fn not_on_the_esp(source: &Arc<Source>, line: &str, span: std::ops::Range<usize>) -> Finding {
    Finding::error(
        format!("`{line}` names no file for the EFI system partition"),
        "write its path there, one space, and the file of the image that it is a copy of, like \
         `EFI/BOOT/BOOTX64.EFI /usr/lib/shim/shimx64.efi.signed`; paths have no spaces and no `..`",
    )
    .at(source, span, "not such a line")
}

/// A container image of a registry without the digest that says which one is meant.
#[must_use]
pub fn not_pinned(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{name}` can be another image tomorrow: it has no digest"),
        format!(
            "write `{name}@sha256:…`; `skopeo inspect --format '{{{{.Digest}}}}' docker://{name}` prints the digest"
        ),
    )
    .at(source, node.span.clone(), "no digest")
}

/// A word with an `@` that names no image of a registry.
#[must_use]
pub fn not_a_reference(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{text}` names no container image of a registry"),
        "write it in small letters like `registry.example.org/team/app@sha256:…`, with 64 digits from 0 to f at the end",
    )
    .at(source, node.span.clone(), "not a reference")
}

/// An archive of a container image that is named and not there.
#[must_use]
pub fn no_such_archive(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("the archive `{path}` is not there"),
        "put it into the folder of recipes, and name it by its path there, like `archives/app.tar`",
    )
    .at(source, node.span.clone(), "not found")
}

/// An archive of a container image in a compression that would have to be undone first.
#[must_use]
pub fn compressed_archive(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("the archive `{path}` is compressed as a whole"),
        "unpack it (gunzip, xz -d, zstd -d), and name the file that ends in `.tar`",
    )
    .at(source, node.span.clone(), "compressed")
}
