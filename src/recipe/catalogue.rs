//! The files that recipes are read from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::document::Source;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/images");

/// A folder of recipes, read into memory: the built-in one, or the user's own.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// What to call the folder in messages.
    name: String,
    files: BTreeMap<String, Vec<u8>>,
    archives: BTreeSet<String>,
}

impl Catalogue {
    /// How the name of a file ends that is not read into memory, but carried.
    pub const ARCHIVE: &str = ".tar";

    /// A catalogue of `files` (path below the folder, content); `name` stands for the folder in messages.
    #[must_use]
    pub fn new(name: impl Into<String>, files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { name: name.into(), files, archives: BTreeSet::new() }
    }

    /// The catalogue with archives of container images in its folder, by their paths.
    #[must_use]
    pub fn with_archives(self, archives: impl IntoIterator<Item = String>) -> Self {
        Self { archives: archives.into_iter().collect(), ..self }
    }

    /// Whether there is an archive at this path.
    #[must_use]
    pub fn has_archive(&self, path: &str) -> bool {
        self.archives.contains(path)
    }

    /// The recipes that are compiled in.
    #[must_use]
    pub fn built_in() -> Self {
        let mut files = BTreeMap::new();
        collect(&BUILT_IN, &mut files);
        Self::new("images", files)
    }

    /// The content of one file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// A file's text as something that findings can point into.
    #[must_use]
    pub fn source(&self, path: &str) -> Option<Arc<Source>> {
        let text = String::from_utf8_lossy(self.file(path)?);
        Some(Source::new(format!("{}/{path}", self.name), text))
    }

    /// The files below `folder`, in the order of their paths, which are given relative to it.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let prefix = format!("{folder}/");
        self.files
            .iter()
            .filter_map(move |(path, content)| Some((path.strip_prefix(&prefix)?, content.as_slice())))
    }

    /// The names of all recipes.
    #[must_use]
    pub fn recipes(&self) -> Vec<&str> {
        self.files
            .keys()
            .filter_map(|path| path.strip_suffix(".yaml"))
            .filter(|name| !name.contains('/'))
            .collect()
    }
}

fn collect(folder: &Dir<'_>, files: &mut BTreeMap<String, Vec<u8>>) {
    for file in folder.files() {
        files.insert(file.path().to_string_lossy().into_owned(), file.contents().to_vec());
    }
    folder.dirs().for_each(|inner| collect(inner, files));
}
