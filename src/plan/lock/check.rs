//! Whether a lock is one for what is to be built.

use super::{Lock, findings};
use crate::document::Findings;
use crate::recipe::{Chain, KernelPackage};

/// What keeps `chains` from being built from the lock, which is called `name`; with the container images that they
/// carry, unless the user brings another.
#[must_use]
pub fn check<'a>(
    lock: &Lock,
    name: &str,
    chains: impl Iterator<Item = &'a Chain>,
    with_containers: bool,
) -> Findings {
    let mut found = Findings::default();
    for chain in chains {
        if chain.cloud().is_some() {
            found.push(findings::cloud_image(&chain.top().name));
            continue;
        }
        check_chain(lock, name, chain, &mut found);
        if with_containers {
            chain.made_containers().for_each(|container| check_chain(lock, name, container, &mut found));
        }
    }
    found
}

fn check_chain(lock: &Lock, name: &str, chain: &Chain, found: &mut Findings) {
    let mut add = |finding| {
        // Images share layers, and each fault is told once.
        if !found.iter().any(|known| *known == finding) {
            found.push(finding);
        }
    };
    let kernel = chain.kernel().map(KernelPackage::package);
    let mut known: Vec<&str> = vec![];
    for (number, recipe) in chain.recipes().iter().enumerate() {
        if number > 0 && !recipe.makes_layer() {
            continue;
        }
        let Some(layer) = lock.layer(&recipe.name, kernel) else {
            add(findings::no_such_layer(&recipe.name, kernel, name));
            continue;
        };
        if layer.suite != chain.suite() {
            add(findings::other_suite(&recipe.name, chain.suite(), &layer.suite));
        }
        known.extend(layer.packages.iter().map(|package| package.name.as_str()));
        for package in recipe.packages.iter().filter(|package| !known.contains(&package.as_str())) {
            add(findings::not_locked(package, &recipe.name, name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::lock::tests::lock;
    use crate::recipe::Catalogue;

    #[test]
    fn a_lock_for_other_recipes_is_told_with_every_difference() {
        let files = [
            ("base.yaml", "version: 1\nsuite: trixie\npackages: [libc6, systemd]\n"),
            ("hub.yaml", "version: 1\nfrom: base\npackages: [caddy]\n"),
            ("node.yaml", "version: 1\nfrom: base\n"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let catalogue = Catalogue::new("images", files.into_iter().collect());
        let chains = ["hub", "node"].map(|name| Chain::load(&catalogue, name).expect("sound"));
        let found = check(&lock(), "lock.yaml", chains.iter(), true);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "the recipe `base` installs `systemd`, which is not in lock.yaml",
                "the recipe `hub` for the kernel linux-image-cloud-amd64 is not in lock.yaml",
            ]
        );
    }
}
