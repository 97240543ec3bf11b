//! `imagegen build`.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;

use crate::build::{self, LayerStore, Places, Settings};
use crate::cli::{BuildArgs, Target};
use crate::document::Findings;
use crate::failure::Result;
use crate::host::{files, signals, tools};
use crate::plan::{self, Request};
use crate::recipe::{Catalogue, Chain, findings};
use crate::report::{self, Progress};

/// Runs the command.
pub fn run(args: &BuildArgs) -> Result<()> {
    let request = request(args)?;
    let places = Places { output: args.output.clone(), store: LayerStore::of_user()? };
    let plan = plan::plan(&request, &build::host_facts(&places.store)?);
    if args.plan {
        return report::data(&plan.to_string());
    }
    signals::listen()?;
    tools::require(tools::lacking_for_build(places.store.folder(), &places.output))?;
    let settings = Settings { epoch: epoch()?, root: tools::is_root() };
    build::execute(&plan, &places, settings, &Progress::start())
}

fn request(args: &BuildArgs) -> Result<Request> {
    let catalogue = catalogue(args.images.as_deref())?;
    let (images, layers) = wanted(&args.what);
    let mut findings = Findings::default();
    let mut load = |names: Vec<&str>| -> Vec<Chain> {
        let chains = names.into_iter().map(|name| Chain::load(&catalogue, name));
        chains.filter_map(|chain| chain.map_err(|found| findings.extend(found)).ok()).collect()
    };
    let (images, layers) = (load(images), load(layers));
    if findings.has_errors() {
        return Err(findings.into());
    }
    Ok(Request { images, layers, mirror: args.mirror.clone(), fresh: args.fresh })
}

/// The recipes of the images and of the bare layers that were asked for.
fn wanted(targets: &[Target]) -> (Vec<&'static str>, Vec<&'static str>) {
    let asked = |target| targets.contains(&target) || targets.contains(&Target::All);
    let mut images = vec![];
    if asked(Target::Hub) {
        images.push("hub");
    }
    if asked(Target::Node) {
        images.push("node");
    }
    (images, if asked(Target::Base) { vec!["base"] } else { vec![] })
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
