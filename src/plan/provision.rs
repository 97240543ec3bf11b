//! An image that is made from a cloud image: the download, and the machine that applies the recipes to it.

use serde::Serialize;

use super::{Action, CacheKey, DiskImage, LAYER_FRESH_FOR, Planner, PreloadSource, RootTree, image, layer};
use crate::recipe::{Chain, CloudImage};

/// What a machine does to a cloud image, to become another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provision {
    /// The image; in place of a layer it has the key of the download.
    pub image: DiskImage,
    /// What it is made from.
    pub base: CloudImage,
    /// What is installed, recipe by recipe.
    pub steps: Vec<RootTree>,
    /// A mirror in place of the one that the cloud image knows.
    pub mirror: Option<String>,
    /// Seconds since 1970 that no file of the overlay may be newer than, where that was asked for.
    pub epoch: Option<u64>,
}

impl Planner<'_> {
    /// The stage that downloads a cloud image. One that is pinned by its hash does not age.
    pub(super) fn base(&mut self, base: &CloudImage) -> CacheKey {
        let action = Action::Base(base.clone());
        let age = self.facts.bases.get(self.key(&action).as_str());
        let fresh = |age: &u64| base.is_pinned() || !self.request.fresh && *age < LAYER_FRESH_FOR;
        let kept = age.is_some_and(fresh);
        self.add(action, kept, false)
    }

    /// The stages of an image on a cloud image.
    pub(super) fn provision(&mut self, chain: &Chain, base: &CloudImage, carried: Vec<PreloadSource>) {
        let key = self.base(base);
        let steps = chain.recipes().iter().map(|recipe| {
            let sets = recipe.sets.iter().map(|set| (self.set(set), set.clone())).collect();
            layer(recipe, chain, Some(key.clone()), sets, self.request)
        });
        let steps = steps.collect();
        let image = image(chain, key, carried);
        let (mirror, epoch) = (self.request.mirror.clone(), self.request.epoch);
        let provision = Provision { image, base: base.clone(), steps, mirror, epoch };
        let action = Action::Provision(provision);
        let kept = self.is_published(&action);
        self.add(action, kept, true);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{HostFacts, Request, plan};
    use super::*;
    use crate::recipe::Catalogue;

    fn request(from: &str) -> Request {
        let files = [
            ("base.yaml", format!("version: 1\nfrom: {from}\npackages: [docker.io]\n")),
            ("node.yaml", "version: 1\nfrom: base\ncontainers: [notebook]\npackages: [autofs]\n".into()),
            ("node/etc/motd", "Welcome\n".into()),
            ("notebook.yaml", "version: 1\nsuite: trixie\ncontainer: {name: a/b}\n".into()),
        ];
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect();
        let chain = Chain::load(&Catalogue::new("images", files), "node").expect("sound");
        Request { images: vec![chain], ..Request::default() }
    }

    fn pinned() -> String {
        format!("{{url: 'https://example.org/debian.qcow2.xz', sha256: {}}}", "0".repeat(64))
    }

    #[test]
    fn an_image_on_a_cloud_image_is_one_machine_after_the_download() {
        insta::assert_snapshot!(plan(&request(&pinned()), &HostFacts::default()));
    }

    #[test]
    fn an_image_that_is_there_and_not_older_than_a_day_is_not_made_again() {
        let request = request(&pinned());
        let mut facts = HostFacts::default();
        let made = |facts: &HostFacts, request: &Request| {
            let plan = plan(request, facts);
            plan.stages.into_iter().filter(|stage| !stage.kept).map(|stage| stage.key).collect::<Vec<_>>()
        };
        let all = made(&facts, &request);
        let (image, inputs) = all.split_last().expect("an image");
        let ages = |age| inputs.iter().map(|key| (key.as_str().to_owned(), age)).collect();
        (facts.bases, facts.layers) = (ages(0), ages(0));
        for (age, again) in [(LAYER_FRESH_FOR - 1, 0), (LAYER_FRESH_FOR, 1)] {
            facts.results = BTreeMap::from([(image.as_str().to_owned(), age)]);
            assert_eq!(made(&facts, &request).len(), again);
        }
        facts.results = BTreeMap::from([(image.as_str().to_owned(), 0)]);
        assert!(made(&facts, &Request { fresh: true, ..request.clone() }).contains(image));
        facts.bases.clear();
        assert!(made(&facts, &request).contains(image));
    }

    #[test]
    fn a_pinned_download_is_kept_for_ever_and_one_by_a_list_for_a_day() {
        let kept = |from: &str, age| {
            let request = request(from);
            let is_base = |action: &Action| matches!(action, Action::Base(_));
            let base = |facts: &HostFacts| {
                plan(&request, facts)
                    .stages
                    .into_iter()
                    .find(|stage| is_base(&stage.action))
                    .expect("a download")
            };
            let key = base(&HostFacts::default()).key.as_str().to_owned();
            base(&HostFacts { bases: BTreeMap::from([(key, age)]), ..HostFacts::default() }).kept
        };
        assert!(kept(&pinned(), LAYER_FRESH_FOR * 100));
        assert!(kept("debian-13", LAYER_FRESH_FOR - 1));
        assert!(!kept("debian-13", LAYER_FRESH_FOR));
    }
}
