//! A file of an instance, and how its content is made of a template.

use crate::util::debug_only;
use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

use crate::failure::Result;

/// A file of an instance.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) content: String,
    /// Permission bits in octal.
    pub(super) mode: String,
}

debug_only!(File { path, mode });

/// A file of `userdata/`, by its path in there.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/", $path))
    };
}

pub(super) use template;

pub(super) fn file(path: impl Into<String>, content: impl Into<String>) -> File {
    File { path: path.into(), content: content.into(), mode: "0644".into() }
}

/// A template with its values filled in; one that is missing is an error.
pub(crate) fn render_template(template: &str, values: minijinja::Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().context("template syntax")?);
    Ok(environment.render_str(template, values).context("filling in a template")?)
}
