//! A plan as text for `imagegen build --plan`.

use std::fmt;

use serde_json::json;

use super::{Action, CacheKey, DiskImage, Plan, PreloadSource, Provision, RootTree, Stage};
use crate::recipe::{Bundle, CloudImage, Proof, Registry};

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stages.iter().enumerate().try_for_each(|(number, stage)| {
            let kept = if stage.kept { "   (cached)" } else { "" };
            writeln!(formatter, "{}. {}   {}{kept}", number + 1, stage.title(), stage.key.short())?;
            match &stage.action {
                Action::Set(set) => show_set(formatter, set),
                Action::Fetch(reference) => writeln!(formatter, "     digest     {}", reference.digest),
                Action::Layer(layer) => show_layer(formatter, layer),
                Action::Container(image) | Action::Image(image) => show_image(formatter, image, stage.asked),
                Action::Base(base) => show_base(formatter, base),
                Action::Provision(Provision { image, steps, .. }) => {
                    steps.iter().try_for_each(|step| show_step(formatter, step))?;
                    show_image(formatter, image, stage.asked)
                }
            }
        })
    }
}

/// A plan for a program, as JSON.
///
/// # Errors
/// Never: all of it can be written as JSON.
pub fn json(plan: &Plan) -> Result<String, anyhow::Error> {
    let stages: Vec<_> = plan.stages.iter().map(stage).collect();
    Ok(serde_json::to_string_pretty(&json!({ "format": 1, "stages": stages }))? + "\n")
}

fn stage(stage: &Stage) -> serde_json::Value {
    json!({
        "stage": stage.title(),
        "key": stage.key.as_str(),
        "needs": stage.action.needs().into_iter().map(CacheKey::as_str).collect::<Vec<_>>(),
        "cached": stage.kept,
        "requested": stage.asked,
    })
}

impl Stage {
    /// What the stage is called on the screen.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.action {
            Action::Set(set) => format!("{} set {}", set.registry, set.path),
            Action::Fetch(reference) => format!("container image {}", reference.name),
            Action::Layer(layer) => format!("layer {}", layer.recipe),
            Action::Container(image) => format!("container image {}", image.recipe),
            Action::Image(image) | Action::Provision(Provision { image, .. }) => {
                format!("image {}", image.recipe)
            }
            Action::Base(base) => format!("cloud image {}", base.file_name()),
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python(version) => write!(formatter, "Python {version}"),
            Self::Npm => formatter.write_str("npm"),
        }
    }
}

fn show_set(formatter: &mut fmt::Formatter<'_>, bundle: &Bundle) -> fmt::Result {
    let pinned = |line: &&str| line.contains("--hash=") || line.contains("\"integrity\"");
    writeln!(
        formatter,
        "     packages   {}, each pinned by its hash",
        bundle.lock.lines().filter(pinned).count()
    )
}

fn show_layer(formatter: &mut fmt::Formatter<'_>, tree: &RootTree) -> fmt::Result {
    match &tree.parent {
        None => writeln!(formatter, "     bootstrap  Debian {}", tree.suite)?,
        Some(below) => writeln!(formatter, "     on         {}", below.short())?,
    }
    if let Some(mirror) = &tree.mirror {
        writeln!(formatter, "     mirror     {mirror}")?;
    }
    show_step(formatter, tree)
}

fn show_base(formatter: &mut fmt::Formatter<'_>, base: &CloudImage) -> fmt::Result {
    writeln!(formatter, "     from       {}", base.url)?;
    match &base.proof {
        Proof::Digest(digest) => writeln!(formatter, "     checksum   {digest}"),
        Proof::Checksums { url, signature } => {
            let signed = if signature.is_some() { ", whose signature is checked" } else { ", by HTTPS" };
            writeln!(formatter, "     checksum   in {url}{signed}")
        }
    }
}

fn show_step(formatter: &mut fmt::Formatter<'_>, tree: &RootTree) -> fmt::Result {
    writeln!(formatter, "     packages   {}", tree.packages.join(" "))?;
    for (path, _) in &tree.dpkg {
        writeln!(formatter, "     dpkg by    /{path}")?;
    }
    if let Some(locked) = &tree.locked {
        writeln!(formatter, "     locked     {} packages, as of {}", locked.packages.len(), locked.epoch)?;
    }
    for (key, set) in &tree.sets {
        writeln!(formatter, "     set        {} into /{} ({})", set.path, set.into, key.short())?;
    }
    tree.scripts.iter().try_for_each(|(path, _)| writeln!(formatter, "     script     {path}"))
}

fn show_image(formatter: &mut fmt::Formatter<'_>, image: &DiskImage, asked: bool) -> fmt::Result {
    writeln!(formatter, "     on         {}", image.layer.short())?;
    for (path, mode, _) in &image.overlay {
        writeln!(formatter, "     file       /{path} ({mode:o})")?;
    }
    for (path, target) in &image.links {
        writeln!(formatter, "     link       /{path} -> {target}")?;
    }
    if image.container.is_none() {
        let firmware = if image.esp.is_empty() { "BIOS" } else { "BIOS and UEFI" };
        writeln!(formatter, "     boots by   {firmware}")?;
    }
    for carried in &image.carried {
        match carried {
            PreloadSource::Made(key) => writeln!(formatter, "     carries    {}", key.short())?,
            PreloadSource::Fetched(_, reference) => writeln!(formatter, "     carries    {reference}")?,
            PreloadSource::Archive(archive) => {
                writeln!(formatter, "     carries    {}", archive.path.display())?;
            }
        }
    }
    let file = if image.container.is_some() { "oci.tar" } else { "qcow2" };
    if asked {
        writeln!(
            formatter,
            "     result     {0}.{file}, {0}.manifest.json, {0}.cdx.json, {0}.provenance.json, SHA256SUMS",
            image.recipe
        )?;
    }
    Ok(())
}
