//! What a lock holds, and its form as YAML.

use std::fmt;

use serde::Serialize;

use crate::document::Location;

/// The locked root trees of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// One per recipe that installs something.
    pub layers: Vec<LockedTree>,
}

impl Lock {
    /// The root tree of a recipe for images with this kernel.
    #[must_use]
    pub fn layer(&self, recipe: &str, kernel: Option<&str>) -> Option<&LockedTree> {
        self.layers.iter().find(|layer| layer.recipe == recipe && layer.kernel.as_deref() == kernel)
    }

    /// The time of what is made from all these root trees; none without any.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.layers.iter().map(|layer| layer.epoch).max()
    }

    /// Adds the root trees of `other` that are not in here yet.
    pub fn merge(&mut self, other: Self) {
        for layer in other.layers {
            if self.layer(&layer.recipe, layer.kernel.as_deref()).is_none() {
                self.layers.push(layer);
            }
        }
    }
}

/// As YAML, one package to a line, so that two locks can be compared line by line.
impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "# Written by `imagegen build --write-lock`; `imagegen build --lock` builds from it.\n",
        )?;
        formatter.write_str("version: 1\nlayers:\n")?;
        self.layers.iter().try_for_each(|layer| {
            writeln!(formatter, "  - recipe: {}", json(&layer.recipe)?)?;
            if let Some(kernel) = &layer.kernel {
                writeln!(formatter, "    kernel: {}", json(kernel)?)?;
            }
            writeln!(formatter, "    suite: {}", json(&layer.suite)?)?;
            writeln!(formatter, "    epoch: {}", layer.epoch)?;
            list(formatter, "sources", &layer.sources)?;
            list(formatter, "packages", &layer.packages)
        })
    }
}

/// What one root tree is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockedTree {
    /// The recipe that it belongs to.
    pub recipe: String,
    /// The package of the kernel in images of it; none in a container image. One recipe may be built on with several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The Debian suite.
    pub suite: String,
    /// Seconds since 1970 that no file of the root tree is newer than.
    pub epoch: u64,
    /// The lines of apt's `sources.list`: where the packages were, and where an instance finds newer ones.
    pub sources: Vec<String>,
    /// The packages that are installed in it and not in the one below, by name.
    pub packages: Vec<LockedPackage>,
}

impl LockedTree {
    /// A root tree that installs none, and so needs no archive; the epoch is still open.
    #[must_use]
    pub fn without_packages(recipe: &str, kernel: Option<&str>, suite: &str) -> Self {
        let (recipe, kernel) = (recipe.to_owned(), kernel.map(str::to_owned));
        Self { recipe, kernel, suite: suite.to_owned(), epoch: 0, sources: vec![], packages: vec![] }
    }

    /// The folders of the archives that its sources name, without a slash behind them, each once.
    #[must_use]
    pub fn archives(&self) -> Vec<String> {
        let mut archives: Vec<String> = vec![];
        for archive in self.sources.iter().filter_map(|line| archive(line)) {
            if !archives.iter().any(|known| known == archive) {
                archives.push(archive.to_owned());
            }
        }
        archives
    }
}

/// A package, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockedPackage {
    /// The binary package's name.
    pub name: String,
    /// Debian's version.
    pub version: String,
    /// `amd64` or `all`.
    pub architecture: String,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// Where it is in an archive, below the folder of the archive.
    pub file: String,
    /// Whether the archive has it among those that every system needs (priority `required`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Where the lock has it, if it was read from one.
    #[serde(skip)]
    pub location: Option<Location>,
}

/// The address in a line of sources.list(5): the first word behind `deb` and the options in brackets.
pub(super) fn archive(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    Some(rest.split_whitespace().next()?.trim_end_matches('/'))
}

/// JSON is YAML too, and leaves no doubt about what is text.
pub(super) fn json(value: &impl Serialize) -> Result<String, fmt::Error> {
    serde_json::to_string(value).map_err(|_| fmt::Error)
}

pub(super) fn list<T: Serialize>(formatter: &mut fmt::Formatter<'_>, key: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return writeln!(formatter, "    {key}: []");
    }
    writeln!(formatter, "    {key}:")?;
    items.iter().try_for_each(|item| writeln!(formatter, "      - {}", json(item)?))
}
