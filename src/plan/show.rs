//! A plan as text for `imagegen build --plan`.

use std::fmt;

use super::{Action, Image, Layer, Plan, Stage};

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stages.iter().enumerate().try_for_each(|(number, stage)| {
            let kept = if stage.kept { "   (kept from an earlier build)" } else { "" };
            writeln!(formatter, "{}. {}   {}{kept}", number + 1, stage.title(), stage.key.short())?;
            match &stage.action {
                Action::Layer(layer) => show_layer(formatter, layer),
                Action::Image(image) => show_image(formatter, image),
            }
        })
    }
}

impl Stage {
    /// What the stage is called on the screen.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.action {
            Action::Layer(layer) => format!("layer {}", layer.recipe),
            Action::Image(image) => format!("image {}", image.recipe),
        }
    }
}

fn show_layer(formatter: &mut fmt::Formatter<'_>, layer: &Layer) -> fmt::Result {
    match &layer.below {
        None => writeln!(formatter, "     bootstrap  Debian {}", layer.suite)?,
        Some(below) => writeln!(formatter, "     on         {}", below.short())?,
    }
    if let Some(mirror) = &layer.mirror {
        writeln!(formatter, "     mirror     {mirror}")?;
    }
    writeln!(formatter, "     packages   {}", layer.packages.join(" "))?;
    layer.scripts.iter().try_for_each(|(path, _)| writeln!(formatter, "     script     {path}"))
}

fn show_image(formatter: &mut fmt::Formatter<'_>, image: &Image) -> fmt::Result {
    writeln!(formatter, "     on         {}", image.layer.short())?;
    for (path, mode, _) in &image.overlay {
        writeln!(formatter, "     file       /{path} ({mode:o})")?;
    }
    for (path, target) in &image.links {
        writeln!(formatter, "     link       /{path} -> {target}")?;
    }
    writeln!(formatter, "     result     {0}.qcow2, {0}.manifest.json, SHA256SUMS", image.recipe)
}
