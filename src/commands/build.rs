//! `imagegen build`.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;

use crate::build::{self, Places, Settings, Store};
use crate::cli::{BuildArgs, Target};
use crate::document::{Finding, Findings};
use crate::failure::{Result, Shortage};
use crate::host::{fetch, files, signals, tools};
use crate::plan::{self, Archive, Request};
use crate::recipe::{Catalogue, Chain, CloudImage, cloud_findings, findings};
use crate::report::{self, Progress};
use crate::vm;

/// Runs the command.
pub fn run(args: &BuildArgs) -> Result<()> {
    let request = request(args)?;
    let places = Places { output: args.output.clone(), store: Store::of_user()? };
    let plan = plan::plan(&request, &build::host_facts(&places.store)?);
    if args.plan {
        return report::data(&plan.to_string());
    }
    signals::listen()?;
    let mut lacking = tools::lacking_for_build(places.store.layers.folder(), &places.output);
    lacking.extend(lacking_for_clouds(&request));
    tools::require(lacking)?;
    let settings = Settings { epoch: epoch()?, root: tools::is_root() };
    build::execute(&plan, &places, settings, &Progress::start())
}

fn request(args: &BuildArgs) -> Result<Request> {
    let catalogue = catalogue(args.images.as_deref())?;
    let (images, layers) = wanted(&args.what);
    let archive = args.notebook.as_deref().map(|path| archive(path, &catalogue)).transpose()?;
    let mut findings = Findings::default();
    let mut load = |names: Vec<&str>| -> Vec<Chain> {
        let chains = names.into_iter().map(|name| Chain::load(&catalogue, name));
        chains.filter_map(|chain| chain.map_err(|found| findings.extend(found)).ok()).collect()
    };
    let (images, layers) = (load(images), load(layers));
    clouds(&images).filter_map(missing).for_each(|finding| findings.push(finding));
    if findings.has_errors() {
        return Err(findings.into());
    }
    Ok(Request { images, layers, mirror: args.mirror.clone(), fresh: args.fresh, archive })
}

/// The cloud images that the images begin with.
fn clouds(images: &[Chain]) -> impl Iterator<Item = &CloudImage> {
    images.iter().filter_map(Chain::cloud)
}

fn missing(image: &CloudImage) -> Option<Finding> {
    let path = fetch::local(&image.url)?;
    (!path.is_file()).then(|| cloud_findings::no_such_file(&image.url, image.place.as_ref()))
}

fn lacking_for_clouds(request: &Request) -> Vec<Shortage> {
    if clouds(&request.images).next().is_none() {
        return vec![];
    }
    tools::lacking_for_provision(vm::errand::MEMORY, clouds(&request.images).any(CloudImage::is_signed))
}

/// The user's own notebook image, with the version of the hub that it is for.
fn archive(path: &Path, catalogue: &Catalogue) -> Result<Archive> {
    let hub = Chain::load(catalogue, "hub")?;
    let locks = hub.recipes().iter().flat_map(|recipe| &recipe.sets).flat_map(|set| set.lock.lines());
    let pinned = locks.into_iter().find_map(|line| line.strip_prefix("jupyterhub=="));
    let version = pinned.and_then(|rest| rest.split_whitespace().next());
    let hub = version.context("no lock of the recipe `hub` pins a version of jupyterhub")?.to_owned();
    Ok(Archive { path: path.to_owned(), sha256: build::hash(path)?.0, hub })
}

/// The recipes of the images and of the bare layers that were asked for.
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

fn catalogue(folder: Option<&Path>) -> Result<Catalogue> {
    let Some(folder) = folder else { return Ok(Catalogue::built_in()) };
    let name = folder.display().to_string();
    if !folder.is_dir() {
        return Err(findings::no_such_folder(&name).into());
    }
    Ok(Catalogue::new(name, files::read_tree(folder)?))
}

/// Seconds since 1970 that the images' files may not be newer than: `SOURCE_DATE_EPOCH`, or now.
fn epoch() -> Result<u64> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH is `{epoch}`, and must be seconds"))?);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(now.context("the clock of this machine is before 1970")?.as_secs())
}
