//! What goes into an image, for those who want to know where it comes from.

use std::collections::BTreeSet;

use super::{Action, DiskImage, Plan, Provision, Stage};

impl Plan {
    /// The stage that makes an image.
    #[must_use]
    pub fn maker(&self, image: &DiskImage) -> Option<&Stage> {
        self.stages.iter().find(|stage| match &stage.action {
            Action::Container(it) | Action::Image(it) | Action::Provision(Provision { image: it, .. }) => {
                (&it.recipe, &it.layer) == (&image.recipe, &image.layer)
            }
            Action::Set(_) | Action::Fetch(_) | Action::Layer(_) | Action::Base(_) => false,
        })
    }

    /// The stages that an image is made from, straight or through others, in the order of the plan.
    #[must_use]
    pub fn inputs(&self, image: &DiskImage) -> Vec<&Stage> {
        let mut wanted: BTreeSet<_> =
            self.maker(image).iter().flat_map(|stage| stage.needs()).cloned().collect();
        // Each stage comes after those that it needs.
        for stage in self.stages.iter().rev().filter(|stage| !matches!(stage.action, Action::Image(_))) {
            if wanted.contains(&stage.key) {
                wanted.extend(stage.needs().into_iter().cloned());
            }
        }
        self.stages.iter().filter(|stage| wanted.contains(&stage.key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HostFacts, Request, plan};
    use super::*;
    use crate::recipe::{Catalogue, Chain};

    #[test]
    fn a_node_is_made_from_its_own_layers_and_from_those_of_what_it_carries() {
        let load = |name| Chain::load(&Catalogue::built_in(), name).expect("sound");
        let request = Request { images: vec![load("hub"), load("node")], ..Request::default() };
        let plan = plan(&request, &HostFacts::default());
        let inputs = |number: usize| -> Vec<String> {
            let images = plan.stages.iter().filter_map(|stage| match &stage.action {
                Action::Image(image) => Some(image),
                _ => None,
            });
            plan.inputs(images.collect::<Vec<_>>()[number]).iter().map(|stage| stage.title()).collect()
        };
        assert_eq!(
            inputs(0),
            ["layer base", "Python 3.13 set locks/hub.txt", "npm set locks/proxy.json", "layer hub"]
        );
        assert_eq!(
            inputs(1),
            [
                "layer base",
                "Python 3.13 set locks/notebook.txt",
                "layer notebook",
                "container image notebook"
            ]
        );
    }
}
