//! `imagegen build`.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;

use anyhow::Context;

use super::inputs;
use crate::build::{self, BuildDirs, Cache, Settings, Signer};
use crate::cli::{BuildArgs, Target};
use crate::document::{Finding, Findings, Source};
use crate::failure::{MissingPrerequisite, Result, cause};
use crate::host::{fetch, files, reaper, tools};
use crate::plan::lock::Lock;
use crate::plan::{self, Archive, HostFacts, Plan, Request};
use crate::recipe::{Catalogue, Chain, CloudImage, Preload, cloud_findings, findings};
use crate::report::{self, Events, Progress};
use crate::vm;

/// What the user's own notebook image is called where its archive does not say.
const NOTEBOOK: &str = "notebook";
/// What says where a build keeps root trees, puts results, and lets mmdebstrap work.
pub(super) const PLACE_OPTIONS: &str = "--output, XDG_CACHE_HOME and TMPDIR";

/// Runs the command.
pub fn run(args: &BuildArgs) -> Result<()> {
    let events = Events::new(args.json && !args.plan);
    events.start();
    build(args, events).inspect_err(|failure| events.failed(failure))
}

fn build(args: &BuildArgs, events: Events) -> Result<()> {
    let request = request(args)?;
    let dirs = BuildDirs { output: args.output.clone(), cache: Cache::open_default()? };
    let plan = plan::plan(&request, &build::host_facts(&dirs)?);
    if args.plan {
        return report::data(&if args.json { plan::json(&plan)? } else { plan.to_string() });
    }
    if let Some(path) = args.write_lock.as_deref().filter(|path| !files::folder_of(path).is_dir()) {
        return Err(plan::lock::findings::no_such_folder(&path.display().to_string()).into());
    }
    reaper::listen()?;
    let mut lacking = lacking(&plan, &dirs, PLACE_OPTIONS);
    lacking.extend(args.sign.iter().flat_map(|_| tools::missing_for_signatures()));
    tools::require(lacking)?;
    let signer = args.sign.as_deref().map(Signer::with).transpose()?;
    let settings = Settings {
        mirror: args.mirror.clone(),
        hands: jobs(args.jobs),
        wants_lock: args.write_lock.is_some(),
    };
    let progress = Progress::with(events);
    let mut made = build::execute(&plan, &dirs, &settings, &progress)?;
    if let Some(signer) = signer {
        signer.sign_all(&mut made.published, &progress)?;
    }
    if let (Some(path), Some(lock)) = (&args.write_lock, &made.lock) {
        files::replace(path, &lock.to_string(), 0o644)?;
    }
    events.result(&made.published)
}

/// How many stages run at once: as many as the user says, or as the machine has processors.
pub(super) fn jobs(asked: Option<NonZeroU16>) -> usize {
    asked.map_or_else(tools::processors, |jobs| jobs.get().into())
}

/// What a plan needs and this machine lacks; where all is kept, nothing is needed. `options` say how to choose other places.
pub(super) fn lacking(plan: &Plan, dirs: &BuildDirs, options: &str) -> Vec<MissingPrerequisite> {
    let mut lacking = vec![];
    if plan.stages.iter().any(|stage| !stage.kept) {
        lacking.extend(tools::missing_for_build());
        lacking.extend(dirs.missing_disk_space(plan.disk_estimate(), options));
    }
    if plan.makes_layers() {
        lacking.extend(tools::missing_for_trees());
    }
    if plan.fetches_sets() {
        lacking.extend(tools::missing_for_bundles());
    }
    if plan.fetches() {
        lacking.extend(tools::missing_for_registries());
    }
    let bases: Vec<&CloudImage> = plan.provisioned().collect();
    if !bases.is_empty() {
        let signed = bases.iter().any(|base| base.is_signed());
        lacking.extend(tools::missing_for_provision(vm::one_shot::MEMORY, signed));
    }
    lacking
}

fn request(args: &BuildArgs) -> Result<Request> {
    let catalogue = catalogue(args.recipes.as_deref())?;
    let (images, layers) = wanted(&args.targets);
    let archive = args.notebook_image.as_deref().map(|path| archive(path, &catalogue)).transpose()?;
    let mut findings = Findings::default();
    let mut load = |names: Vec<&str>| -> Vec<Chain> {
        let chains = names.into_iter().map(|name| Chain::load(&catalogue, name));
        chains.filter_map(|chain| chain.map_err(|found| findings.extend(found)).ok()).collect()
    };
    let (images, layers) = (load(images), load(layers));
    let lock = match args.lock.as_deref().map(read_lock).transpose()? {
        Some((name, lock)) => {
            findings.extend(plan::lock::check(&lock, &name, images.iter().chain(&layers), archive.is_none()));
            Some(lock)
        }
        None => None,
    };
    clouds(&images).filter_map(missing).for_each(|finding| findings.push(finding));
    if findings.has_errors() {
        return Err(findings.into());
    }
    let archives = archives(&images, args.recipes.as_deref())?;
    Ok(Request {
        images,
        layers,
        mirror: args.mirror.clone(),
        fresh: args.no_cache,
        archive,
        archives,
        lock,
        epoch: epoch()?,
    })
}

/// A lock, with what to call it.
fn read_lock(path: &Path) -> Result<(String, Lock)> {
    let name = path.display().to_string();
    let text = fs_err::read_to_string(path)
        .map_err(|error| plan::lock::findings::unreadable(&name, &cause(&error)))?;
    Ok((name.clone(), plan::lock::parse(Source::new(name, text))?))
}

/// The cloud images that the images begin with.
fn clouds(images: &[Chain]) -> impl Iterator<Item = &CloudImage> {
    images.iter().filter_map(Chain::cloud)
}

fn missing(image: &CloudImage) -> Option<Finding> {
    let path = fetch::local(&image.url)?;
    (!path.is_file()).then(|| cloud_findings::no_such_file(&image.url, image.location.as_ref()))
}

/// The user's own notebook image, with the version of the hub that it is for.
pub(super) fn archive(path: &Path, catalogue: &Catalogue) -> Result<Archive> {
    let hub = Chain::load(catalogue, "hub")?;
    let locks = hub.recipes().iter().flat_map(|recipe| &recipe.sets).flat_map(|set| set.lock.lines());
    let pinned = locks.into_iter().find_map(|line| line.strip_prefix("jupyterhub=="));
    let version = pinned.and_then(|rest| rest.split_whitespace().next());
    let hub = version.context("no lock of the recipe `hub` pins a version of jupyterhub")?.to_owned();
    Ok(Archive { name: NOTEBOOK.to_owned(), hub: Some(hub), ..file(path)? })
}

/// The archives that the recipes of `images` name.
pub(super) fn archives(images: &[Chain], folder: Option<&Path>) -> Result<BTreeMap<String, Archive>> {
    let named = images.iter().flat_map(Chain::containers).filter_map(|container| match container {
        Preload::Archive(path) => Some(path.clone()),
        _ => None,
    });
    // The built-in recipes name none.
    let folder = folder.unwrap_or(Path::new(""));
    named.map(|path| Ok((path.clone(), file(&folder.join(&path))?))).collect()
}

/// The image in it is called as the file is, up to the first dot.
fn file(path: &Path) -> Result<Archive> {
    inputs::open(path, "name an OCI archive, or an archive that `docker save` wrote")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    Ok(Archive { path: path.to_owned(), name, sha256: build::hash(path)?.0, hub: None })
}

/// The plan of all built-in images from nothing.
pub(super) fn everything() -> Result<Plan> {
    let catalogue = Catalogue::built_in();
    let chains = wanted(&[Target::All]).0.into_iter().map(|name| Chain::load(&catalogue, name));
    let request = Request { images: chains.collect::<Result<_, _>>()?, ..Request::default() };
    Ok(plan::plan(&request, &HostFacts::default()))
}

/// The recipes of the images and of the bare root trees that were requested.
fn wanted(targets: &[Target]) -> (Vec<&'static str>, Vec<&'static str>) {
    let asked = |target| targets.contains(&target);
    let recipes = [(Target::Hub, "hub"), (Target::Node, "node"), (Target::Notebook, "notebook")];
    let all = asked(Target::All);
    let mut images: Vec<_> =
        recipes.into_iter().filter(|(target, _)| all || asked(*target)).map(|(_, name)| name).collect();
    if asked(Target::Solo) {
        images.push("solo");
    }
    (images, if all || asked(Target::Base) { vec!["base"] } else { vec![] })
}

pub(super) fn catalogue(folder: Option<&Path>) -> Result<Catalogue> {
    let Some(folder) = folder else { return Ok(Catalogue::built_in()) };
    let name = folder.display().to_string();
    if !folder.is_dir() {
        return Err(findings::no_such_folder(&name).into());
    }
    // Archives may be large, and those in an overlay are files like any other.
    let paths = files::files_below(folder)?;
    let is_recipe = |top: &str| paths.iter().any(|path| path.strip_suffix(".yaml") == Some(top));
    let carried = |path: &&String| {
        let top = path.split('/').next().unwrap_or_default();
        path.ends_with(Catalogue::ARCHIVE) && !is_recipe(top)
    };
    let (archives, texts): (Vec<&String>, Vec<&String>) = paths.iter().partition(carried);
    Ok(Catalogue::new(name, files::read_all(folder, texts)?).with_archives(archives.into_iter().cloned()))
}

/// Seconds since 1970 that the images' files may not be newer than, where `SOURCE_DATE_EPOCH` says so.
fn epoch() -> Result<Option<u64>> {
    let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = epoch.parse().map_err(|_| {
        let remedy =
            "set it to whole seconds since 1970, as `git log -1 --format=%ct` prints them, or unset it";
        Finding::error(format!("SOURCE_DATE_EPOCH is `{epoch}`, which is not a time in seconds"), remedy)
    })?;
    Ok(Some(seconds))
}
