//! `imagegen verify`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::build::{archive, archives, catalogue, jobs, lacking};
use super::inputs;
use crate::build::{self, BuildDirs, Cache, Settings};
use crate::cli::VerifyArgs;
use crate::document::Source;
use crate::failure::{Result, cause};
use crate::host::workdir::WorkDir;
use crate::host::{files, reaper, tools};
use crate::plan::manifest_input::{self, ManifestInput};
use crate::plan::{self, HostFacts, Request, lock};
use crate::recipe::{Catalogue, Chain};
use crate::report::{self, Progress};

/// The settings for the directories of root trees and results, both in the work directory, and of mmdebstrap.
const PLACE_OPTIONS: &str = "--work-dir and TMPDIR";

/// Runs the command.
pub fn run(args: &VerifyArgs) -> Result<()> {
    inputs::open(&args.image, inputs::DISK_IMAGE)?;
    reaper::listen()?;
    let signer = args.signers.as_deref().map(|signers| signer(&args.image, signers)).transpose()?;
    let claim = read_claim(&args.image)?;
    let catalogue = catalogue(args.recipes.as_deref())?;
    let request = request(args, &claim, &catalogue)?;
    let below = args.work_dir.as_deref().unwrap_or_else(|| files::folder_of(&args.image));
    let work = WorkDir::within(below)?;
    let places = places(&work)?;
    let HostFacts { containers, formats, .. } = build::host_facts(&places)?;
    let facts = HostFacts { containers, formats, ..HostFacts::default() };
    let plan = plan::plan(&request, &facts);
    tools::require(lacking(&plan, &places, PLACE_OPTIONS))?;
    let settings = Settings { mirror: args.mirror.clone(), hands: jobs(args.jobs), wants_lock: false };
    let progress = Progress::start();
    build::execute(&plan, &places, &settings, &progress)?;
    let step = progress.step("comparing");
    let rebuilt = places.output.join(&claim.file.name);
    build::compare(&args.image, &rebuilt, claim.file.format == "oci-archive", &work)?;
    step.done("");
    let sha256 = build::hash(&args.image)?.0;
    let note = signer.map(|name| format!(", signed by {name}")).unwrap_or_default();
    let image = args.image.display();
    report::data(&format!("{image}: identical to the rebuilt image, SHA-256 {sha256}{note}\n"))
}

/// Who signed the image, whose provenance is signed too, and of the same build as its manifest.
fn signer(image: &Path, signers: &Path) -> Result<String> {
    tools::require(tools::missing_for_signatures())?;
    inputs::open(signers, "name a list of allowed signers: a name and an SSH public key a line")?;
    let [manifest, provenance] = ["manifest.json", "provenance.json"].map(|ending| beside(image, ending));
    build::check_build(image, &manifest?, &provenance?, signers)
}

/// What was built with an image, by the end of its name.
fn beside(image: &Path, ending: &str) -> Result<PathBuf> {
    let name = image.file_name().context("the image has no name")?.to_string_lossy().into_owned();
    let stem =
        [".qcow2", ".raw", ".oci.tar"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    Ok(image.with_file_name(format!("{stem}.{ending}")))
}

fn read_claim(image: &Path) -> Result<ManifestInput> {
    let path = beside(image, "manifest.json")?;
    let shown = path.display().to_string();
    let text = fs_err::read_to_string(&path)
        .map_err(|error| manifest_input::no_such_manifest(&shown, &cause(&error)))?;
    Ok(ManifestInput::parse(&Source::new(shown, text))?)
}

/// What makes the image again, from the same recipes.
fn request(args: &VerifyArgs, manifest: &ManifestInput, catalogue: &Catalogue) -> Result<Request> {
    let chain = Chain::load(catalogue, &manifest.image)?;
    let mut findings = manifest.check(&chain, &format!("imagegen {}", env!("CARGO_PKG_VERSION")));
    let archive = args.notebook_image.as_deref().map(|path| archive(path, catalogue)).transpose()?;
    let chains = [chain];
    let archives = archives(&chains, args.recipes.as_deref())?;
    let at_hand = archives.values().chain(&archive).map(|archive| archive.sha256.as_str());
    findings.extend(manifest.check_archives(at_hand));
    let lockable = chains.iter().filter(|chain| chain.cloud().is_none());
    findings.extend(lock::check(&manifest.lock, "its manifest", lockable, archive.is_none()));
    if findings.has_errors() {
        return Err(findings.into());
    }
    report::findings(&findings);
    Ok(Request {
        images: chains.into(),
        mirror: args.mirror.clone(),
        fresh: true,
        archive,
        archives,
        lock: Some(manifest.lock.clone()),
        ..Request::default()
    })
}

/// A cache without root trees: a reused one proves nothing. Results that are cached by their hash may be reused.
fn places(work: &WorkDir) -> Result<BuildDirs> {
    let cache = Cache::open_default()?.with_layers_in(&work.path("cache"));
    Ok(BuildDirs { output: work.path("rebuilt"), cache })
}

#[cfg(test)]
mod tests {
    use super::super::build::everything;
    use super::*;

    #[test]
    fn room_is_to_be_found_by_the_options_that_the_command_has() {
        // A file system without a free byte.
        let full = Path::new("/proc");
        let cache = Cache::open_default().expect("a home").with_layers_in(full);
        let plan = everything().expect("the built-in recipes are right");
        let lacking = lacking(&plan, &BuildDirs { output: full.to_owned(), cache }, PLACE_OPTIONS);
        let space = lacking.iter().find(|shortage| shortage.what.contains("disk space at /proc"));
        let remedy = &space.expect("there is none").remedy;
        assert_eq!(remedy, "free some space there, or choose other directories with --work-dir and TMPDIR");
    }
}
