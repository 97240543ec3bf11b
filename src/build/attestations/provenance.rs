//! Where an image comes from: an in-toto statement v1 with SLSA's build provenance v1 in it. `build --sign` puts a
//! signature beside it.

use crate::util::hex;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::purl;
use crate::build::resolved_inputs::ResolvedInputs;
use crate::build::rootfs::Rootfs;
use crate::host::tools::{self, Program};
use crate::plan::{Action, DiskImage, Plan, PreloadSource, Stage};
use crate::recipe::Registry;

/// How the two kinds of parameters are to be read.
const BUILD_TYPE: &str = "urn:imagegen:build:v1";
/// Whatever ran imagegen: we cannot know more of it.
const BUILDER: &str = "urn:imagegen:builder";

/// The statement on the files of an image, given by names and SHA-256.
pub(super) fn statement(
    files: &[(String, String)],
    plan: &Plan,
    image: &DiskImage,
    rootfs: &Rootfs,
    resolved: &ResolvedInputs,
) -> Json {
    let inputs = plan.inputs(image);
    let subjects = files.iter().map(|(name, sha256)| json!({ "name": name, "digest": { "sha256": sha256 } }));
    let mut external = json!({ "recipe": image.recipe, "suite": image.suite });
    if let Some(mirror) = inputs.iter().copied().chain(plan.maker(image)).find_map(mirror) {
        external["mirror"] = json!(without_login(mirror));
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects.collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "internalParameters": { "sourceDateEpoch": resolved.epoch.to_string(), "identity": resolved.identity },
                "resolvedDependencies": dependencies(&inputs, image, rootfs, resolved),
            },
            "runDetails": { "builder": { "id": BUILDER, "version": versions(&inputs) } },
        },
    })
}

fn mirror(stage: &Stage) -> Option<&str> {
    match &stage.action {
        Action::Layer(layer) => layer.mirror.as_deref(),
        Action::Provision(provision) => provision.mirror.as_deref(),
        _ => None,
    }
}

/// A URL without the name and the password that may stand in it.
fn without_login(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

fn dependencies(
    inputs: &[&Stage],
    image: &DiskImage,
    rootfs: &Rootfs,
    resolved: &ResolvedInputs,
) -> Vec<Json> {
    let recipe = json!({
        "name": format!("recipe {}", image.recipe),
        "digest": { "sha256": image.recipe_digest },
    });
    let carried = image.carried.iter().zip(&rootfs.preloaded).map(|(carried, preloaded)| {
        let mut dependency = json!({
            "name": format!("container image {}", preloaded.name),
            "uri": purl::oci(preloaded),
            "digest": { "sha256": preloaded.digest.trim_start_matches("sha256:") },
        });
        if let PreloadSource::Archive(archive) = carried {
            dependency["annotations"] = json!({ "archiveSha256": archive.sha256 });
        }
        dependency
    });
    let stages = inputs.iter().filter_map(|stage| fetched(stage, resolved));
    let system = rootfs.inventory.system();
    let packages = resolved.lock.layers.iter().flat_map(|layer| &layer.packages);
    let packages = packages.map(|package| {
        json!({
            "name": format!("package {}", package.name),
            "uri": purl::locked(package, system),
            "digest": { "sha256": package.sha256 },
        })
    });
    std::iter::once(recipe).chain(stages).chain(packages).chain(carried).collect()
}

/// What a stage fetches. Root trees are known by their packages, whatever their keys are.
fn fetched(stage: &Stage, resolved: &ResolvedInputs) -> Option<Json> {
    match &stage.action {
        Action::Set(set) => Some(json!({
            "name": stage.title(),
            "uri": format!("urn:imagegen:set:{}", set.path),
            "digest": { "sha256": hex(&Sha256::digest(&set.lock)) },
        })),
        Action::Base(base) => {
            let (kind, digest) = resolved.base.as_deref()?.split_once(':')?;
            Some(
                json!({ "name": stage.title(), "uri": without_login(&base.url), "digest": { kind: digest } }),
            )
        }
        // Container images are told with what was found in them.
        Action::Layer(_)
        | Action::Fetch(_)
        | Action::Container(_)
        | Action::Image(_)
        | Action::Provision(_) => None,
    }
}

/// The versions of the programs on this machine that such a build uses.
fn versions(inputs: &[&Stage]) -> Json {
    let mut versions = json!({ "imagegen": env!("CARGO_PKG_VERSION") });
    for program in inputs.iter().flat_map(|stage| programs(stage)) {
        if let Some(version) = tools::version_of(program) {
            versions[program.name] = json!(version);
        }
    }
    versions
}

fn programs(stage: &Stage) -> Vec<Program> {
    match &stage.action {
        Action::Set(set) if set.registry == Registry::Npm => vec![tools::NPM],
        Action::Set(_) => vec![tools::PIP],
        Action::Fetch(_) => vec![tools::SKOPEO],
        Action::Layer(_) => vec![tools::MMDEBSTRAP],
        // The machine that it becomes another one in.
        Action::Base(_) => vec![tools::QEMU, tools::QEMU_IMG],
        Action::Container(_) | Action::Image(_) | Action::Provision(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_of_a_mirror_is_left_out() {
        assert_eq!(
            without_login("http://ada:secret@mirror.example.org/debian"),
            "http://mirror.example.org/debian"
        );
        assert_eq!(without_login("http://ada:se@cret@mirror.example.org"), "http://mirror.example.org/");
        assert_eq!(without_login("/srv/mirror"), "/srv/mirror");
    }
}
