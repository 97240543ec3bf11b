//! YAML → recipes, with every finding on the way.

use super::inside::is_inside;
use super::places::RecipePlaces;
use super::syntax::{is_package, is_unit, is_word};
use crate::util::hex;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    Bundle, Catalogue, Chain, ContainerConfig, OverlayFile, Preload, Recipe, RecipeParent, Script, bundles,
    cloud, cloud_findings, container, esp, findings, kernel, merged_usr, preload,
};
use crate::document::findings::wrong_kind;
use crate::document::{Document, Fields, Finding, Findings, Location, MapKey, Node, Source, Value};

const KEYS: &[&str] = &[
    "version",
    "description",
    "suite",
    "from",
    "kernel",
    "packages",
    "python",
    "npm",
    "scripts",
    "links",
    "enable",
    "mask",
    "container",
    "containers",
];
const SYSTEM_UNITS: &str = "etc/systemd/system";
/// Where Debian's packages keep their units.
const PACKAGED_UNITS: &str = "usr/lib/systemd/system";

pub(super) fn chain(catalogue: &Catalogue, name: &str) -> Result<Chain, Findings> {
    let mut findings = Findings::default();
    match collect(catalogue, name, &mut vec![], &mut findings) {
        Some((recipes, suite)) if !findings.has_errors() => {
            let containers = containers(catalogue, &recipes)?;
            Ok(Chain { recipes, suite, containers })
        }
        _ => Err(findings),
    }
}

/// The container images that the recipes of an image name; what several of them name is carried once.
fn containers(catalogue: &Catalogue, recipes: &[Recipe]) -> Result<Vec<Preload<Chain>>, Findings> {
    let mut containers: Vec<Preload<Chain>> = vec![];
    for (recipe, named) in
        recipes.iter().flat_map(|recipe| recipe.containers.iter().map(move |it| (recipe, it)))
    {
        let carried = match named {
            Preload::Made(name) => Preload::Made(made(catalogue, name, recipe)?),
            Preload::Registry(reference) => Preload::Registry(reference.clone()),
            Preload::Archive(path) => Preload::Archive(path.clone()),
        };
        if !containers.contains(&carried) {
            containers.push(carried);
        }
    }
    Ok(containers)
}

/// A container image carries none itself.
fn made(catalogue: &Catalogue, name: &str, by: &Recipe) -> Result<Chain, Findings> {
    let mut findings = Findings::default();
    let carried = collect(catalogue, name, &mut vec![], &mut findings);
    match carried.map(|(recipes, suite)| Chain { recipes, suite, containers: vec![] }) {
        Some(carried) if !findings.has_errors() && carried.top().container.is_some() => Ok(carried),
        Some(_) if !findings.has_errors() => Err(findings::no_container(name, &by.name).into()),
        _ => Err(findings),
    }
}

/// Reads `name` and what it builds on; `above` are the recipes that lead here.
fn collect(
    catalogue: &Catalogue,
    name: &str,
    above: &mut Vec<String>,
    findings: &mut Findings,
) -> Option<(Vec<Recipe>, String)> {
    let circle = above.iter().any(|seen| seen == name);
    above.push(name.to_owned());
    if circle {
        findings.push(findings::circle(above));
        return None;
    }
    let recipe = read(catalogue, name, findings)?;
    match recipe.parent.clone() {
        RecipeParent::Suite(suite) => Some((vec![recipe], suite)),
        RecipeParent::Cloud(_) => Some((vec![recipe], String::new())),
        RecipeParent::Recipe(below) => {
            let (mut recipes, suite) = collect(catalogue, &below, above, findings)?;
            recipes.push(recipe);
            Some((recipes, suite))
        }
    }
}

fn read(catalogue: &Catalogue, name: &str, findings: &mut Findings) -> Option<Recipe> {
    let Some(source) = catalogue.source(&format!("{name}.yaml")) else {
        findings.push(findings::no_such_recipe(name, &catalogue.recipes(), None));
        return None;
    };
    let document = Document::parse(source).map_err(|finding| findings.push(finding)).ok()?;
    let mut reader = RecipeReader { catalogue, source: &document.source };
    reader.recipe(name, &document.root, findings)
}

/// What the functions below have in common.
struct RecipeReader<'a> {
    catalogue: &'a Catalogue,
    source: &'a Arc<Source>,
}

impl RecipeReader<'_> {
    fn recipe(&mut self, name: &str, root: &Node, findings: &mut Findings) -> Option<Recipe> {
        let mut fields = Fields::of(self.source, "recipe", root, KEYS, findings);
        fields.expect_version();
        let ground = self.ground(root, &mut fields);
        if let (Some(RecipeParent::Cloud(_)), Some(node)) = (&ground, fields.get("container")) {
            fields.findings().push(cloud_findings::container_from_machine(self.source, node));
        }
        let mut links = self.links(&mut fields);
        links.extend(self.enabled(&mut fields));
        links.extend(self.masked(&mut fields));
        merged_usr::check_overlay(self.catalogue, name, fields.findings());
        let mut places = RecipePlaces::default();
        Some(Recipe {
            description: fields
                .text("description", "description: a node")
                .map_or("", |(text, _)| text)
                .into(),
            kernel: kernel::read(self.source, &mut fields),
            packages: self.packages(&mut places, &mut fields),
            sets: [self.sets("python", &mut fields), self.sets("npm", &mut fields)].concat(),
            scripts: self.scripts(&mut places, &mut fields),
            container: self.container(&mut fields),
            containers: preload::read(self.catalogue, self.source, &mut fields),
            esp: esp::read(self.catalogue, name, fields.findings()),
            overlay: self.overlay(name),
            digest: self.digest(name),
            name: name.to_owned(),
            parent: ground?,
            links,
            places,
        })
    }

    fn ground(&self, root: &Node, fields: &mut Fields<'_, '_>) -> Option<RecipeParent> {
        if let (None, Some(node @ Node { value: Value::Map(_), .. })) =
            (fields.get("suite"), fields.get("from"))
        {
            let image = cloud::read(self.catalogue, self.source, node, fields.findings());
            return image.map(RecipeParent::Cloud);
        }
        let suite = fields.text("suite", "suite: trixie");
        if suite.is_some() && fields.get("from").is_some() {
            fields.findings().push(findings::no_ground(self.source, root));
            return None;
        }
        let from = fields.text("from", "from: base");
        match (suite, from) {
            (Some((suite, node)), None) => {
                keep_if(is_word(suite), fields, || findings::not_a_suite(self.source, suite, node));
                Some(RecipeParent::Suite(suite.to_owned()))
            }
            (None, Some((from, node))) => {
                if self.catalogue.file(&format!("{from}.yaml")).is_some() {
                    return Some(RecipeParent::Recipe(from.to_owned()));
                }
                cloud::by_name(self.catalogue, self.source, from, node, fields.findings())
                    .map(RecipeParent::Cloud)
            }
            _ => {
                fields.findings().push(findings::no_ground(self.source, root));
                None
            }
        }
    }

    fn packages(&self, places: &mut RecipePlaces, fields: &mut Fields<'_, '_>) -> Vec<String> {
        let named = fields.texts("packages", "packages: [nfs-common, autofs]");
        named
            .into_iter()
            .filter(|(name, node)| {
                keep_if(is_package(name), fields, || findings::not_a_package(self.source, name, node))
            })
            .map(|(name, node)| {
                places.packages.push((name.to_owned(), Location::of(self.source, node)));
                name.to_owned()
            })
            .collect()
    }

    fn sets(&self, kind: &str, fields: &mut Fields<'_, '_>) -> Vec<Bundle> {
        let items =
            fields.list(kind, "python: [{lock: locks/hub.txt, into: opt/jupyterhub, version: '3.13'}]");
        let items = items.unwrap_or_default().iter();
        items
            .filter_map(|item| bundles::read(self.catalogue, self.source, kind, item, fields.findings()))
            .collect()
    }

    fn container(&self, fields: &mut Fields<'_, '_>) -> Option<ContainerConfig> {
        let node = fields.get("container")?;
        container::read(self.source, node, fields.findings())
    }

    fn scripts(&self, places: &mut RecipePlaces, fields: &mut Fields<'_, '_>) -> Vec<Script> {
        let mut scripts = vec![];
        for (path, node) in fields.texts("scripts", "scripts: [scripts/tidy.sh]") {
            places.scripts.push((path.to_owned(), Location::of(self.source, node)));
            match self.catalogue.source(path) {
                Some(source) => scripts.push(Script { path: path.to_owned(), text: source.text.clone() }),
                None => fields.findings().push(findings::no_such_script(self.source, path, node)),
            }
        }
        scripts
    }

    fn links(&self, fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
        let example = "links: {etc/resolv.conf: ../run/systemd/resolve/stub-resolv.conf}";
        let mut links = vec![];
        for (key, node) in self.entries("links", example, fields) {
            let inside = is_inside(&key.name);
            keep_if(inside, fields, || findings::not_a_path(self.source, &key.name, key.span.clone()));
            let behind = inside && merged_usr::is_behind_a_link(&key.name);
            keep_if(!behind, fields, || findings::link_behind_a_link(self.source, key));
            match &node.value {
                Value::Text(target) if inside => links.push((key.name.clone(), target.clone())),
                Value::Text(_) => {}
                _ => fields.findings().push(wrong_kind(self.source, &key.name, node, "text", example)),
            }
        }
        links
    }

    /// `enable: {multi-user.target: [a.service]}` as the links that `systemctl enable` would make.
    fn enabled(&self, fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
        let example = "enable: {multi-user.target: [docker.service]}";
        let mut links = vec![];
        for (target, node) in self.entries("enable", example, fields) {
            let Value::List(units) = &node.value else {
                let finding = wrong_kind(self.source, &target.name, node, "a list", example);
                fields.findings().push(finding);
                continue;
            };
            for unit in self.units(units, fields) {
                links.push((
                    format!("{SYSTEM_UNITS}/{}.wants/{unit}", target.name),
                    format!("/{}/{unit}", self.unit_folder(&unit)),
                ));
            }
        }
        links
    }

    fn masked(&self, fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
        let units = fields.list("mask", "mask: [apt-daily.timer]").unwrap_or_default();
        self.units(units, fields)
            .into_iter()
            .map(|unit| (format!("{SYSTEM_UNITS}/{unit}"), "/dev/null".to_owned()))
            .collect()
    }

    fn units(&self, items: &[Node], fields: &mut Fields<'_, '_>) -> Vec<String> {
        let mut units = vec![];
        for item in items {
            match &item.value {
                Value::Text(name) if is_unit(name) => units.push(name.clone()),
                other => {
                    let name = if let Value::Text(name) = other { name.as_str() } else { other.kind() };
                    fields.findings().push(findings::not_a_unit(self.source, name, item));
                }
            }
        }
        units
    }

    /// Our own units come with an overlay; all others with a package.
    fn unit_folder(&self, unit: &str) -> &'static str {
        let ours = self
            .catalogue
            .recipes()
            .iter()
            .any(|recipe| self.catalogue.file(&format!("{recipe}/{SYSTEM_UNITS}/{unit}")).is_some());
        if ours { SYSTEM_UNITS } else { PACKAGED_UNITS }
    }

    fn entries<'n>(&self, key: &str, example: &str, fields: &mut Fields<'n, '_>) -> &'n [(MapKey, Node)] {
        match fields.get(key).map(|node| (node, &node.value)) {
            None => &[],
            Some((_, Value::Map(entries))) => entries,
            Some((node, _)) => {
                let finding = wrong_kind(self.source, key, node, "a mapping", example);
                fields.findings().push(finding);
                &[]
            }
        }
    }

    fn overlay(&self, name: &str) -> Vec<OverlayFile> {
        self.catalogue
            .below(name)
            .map(|(path, content)| OverlayFile { path: path.to_owned(), content: content.to_vec() })
            .collect()
    }

    /// Over the recipe's file, its overlay and its scripts, each with its path and its length before it.
    fn digest(&self, name: &str) -> String {
        let own = format!("{name}.yaml");
        let mut hash = Sha256::new();
        let mut add = |path: &str, content: &[u8]| {
            hash.update(format!("{path}\0{}\0", content.len()));
            hash.update(content);
        };
        add(&own, self.catalogue.file(&own).unwrap_or_default());
        self.catalogue.below(name).for_each(|(path, content)| add(path, content));
        for folder in ["scripts", "locks"] {
            self.catalogue.below(folder).for_each(|(path, content)| add(path, content));
        }
        hex(&hash.finalize())
    }
}

/// Notes the finding unless all is well; gives back whether it is.
fn keep_if(well: bool, fields: &mut Fields<'_, '_>, finding: impl FnOnce() -> Finding) -> bool {
    if !well {
        fields.findings().push(finding());
    }
    well
}
