//! The container images that a machine's image carries.

use std::path::PathBuf;

use serde::Serialize;

use super::{Action, CacheKey, Planner};
use crate::recipe::{Chain, Preload, Reference};

/// A container image in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// Where it is.
    #[serde(skip)]
    pub path: PathBuf,
    /// What the image is called where the file does not say.
    pub name: String,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// The version of the hub's JupyterHub, where the image has to fit it.
    pub hub: Option<String>,
}

/// A container image that a machine's image carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PreloadSource {
    /// Made by the stage with this key.
    Made(CacheKey),
    /// Fetched by the stage with this key.
    Fetched(CacheKey, Reference),
    /// Brought by the user.
    Archive(Archive),
}

impl CacheKey {
    /// What is known by its own hash already.
    fn of_content(reference: &Reference) -> Self {
        Self(reference.digest.rsplit(':').next().unwrap_or_default().to_owned())
    }
}

impl Planner<'_> {
    /// The user's own archive comes first, in place of what recipes make.
    pub(super) fn carried(&mut self, containers: &[Preload<Chain>]) -> Vec<PreloadSource> {
        let own = self.request.archive.iter().filter(|_| !containers.is_empty()).cloned();
        let mut carried: Vec<PreloadSource> = own.map(PreloadSource::Archive).collect();
        for container in containers {
            match container {
                Preload::Made(_) if self.request.archive.is_some() => {}
                Preload::Made(chain) => carried.push(PreloadSource::Made(self.container(chain, false))),
                Preload::Registry(reference) => {
                    carried.push(PreloadSource::Fetched(self.fetched(reference), reference.clone()));
                }
                Preload::Archive(path) => {
                    carried.extend(self.request.archives.get(path).cloned().map(PreloadSource::Archive));
                }
            }
        }
        carried
    }

    fn fetched(&mut self, reference: &Reference) -> CacheKey {
        let key = CacheKey::of_content(reference);
        let kept = self.facts.containers.contains(key.as_str());
        self.add_as(key, Action::Fetch(reference.clone()), kept, false)
    }
}
