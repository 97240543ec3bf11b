//! In what two root file systems differ, file by file.

use std::collections::BTreeMap;

/// How many files are named; one that differs by thousands has one cause.
const NAMED: usize = 20;

/// One file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// `file`, `folder`, `link` or what else there is.
    pub kind: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// The owner's user and group number.
    pub owner: (u32, u32),
    /// Seconds since 1970.
    pub modified: i64,
    /// In bytes.
    pub size: u64,
    /// The SHA-256 of a file's content, or the target of a link.
    pub content: String,
}

/// All entries by path, without a leading slash.
pub type FileTree = BTreeMap<String, FileEntry>;

/// A sentence for each path that differs between the image and what was rebuilt; of many, the first ones.
#[must_use]
pub fn differences(image: &FileTree, rebuilt: &FileTree) -> Vec<String> {
    let mut lines = vec![];
    for (path, entry) in image {
        match rebuilt.get(path) {
            None => {
                lines.push(format!("/{path}: {} is missing in the rebuilt image", with_article(entry.kind)));
            }
            Some(other) if entry != other => lines.push(format!("/{path}: {}", between(entry, other))),
            Some(_) => {}
        }
    }
    let more = rebuilt.iter().filter(|(path, _)| !image.contains_key(*path));
    lines.extend(
        more.map(|(path, entry)| {
            format!("/{path}: {} is only in the rebuilt image", with_article(entry.kind))
        }),
    );
    if lines.len() > NAMED {
        let rest = lines.len() - NAMED;
        lines.truncate(NAMED);
        lines.push(format!("and {rest} more"));
    }
    lines
}

/// What is different between two entries of one path.
fn between(one: &FileEntry, other: &FileEntry) -> String {
    if one.kind != other.kind {
        return format!("{} became {}", with_article(one.kind), with_article(other.kind));
    }
    let mut kinds = vec![];
    if one.content != other.content && one.kind == "link" {
        kinds.push(format!("target {} became {}", one.content, other.content));
    } else if one.content != other.content {
        kinds.push(format!("other content ({} and {} bytes)", one.size, other.size));
    }
    if one.mode != other.mode {
        kinds.push(format!("mode {:o} became {:o}", one.mode, other.mode));
    }
    if one.owner != other.owner {
        let (from, to) = (one.owner, other.owner);
        kinds.push(format!("owner {}:{} became {}:{}", from.0, from.1, to.0, to.1));
    }
    if one.modified != other.modified {
        kinds.push(format!("time {} became {}", one.modified, other.modified));
    }
    if kinds.is_empty() {
        kinds.push(format!("size {} became {}", one.size, other.size));
    }
    kinds.join(", ")
}

fn with_article(kind: &str) -> String {
    format!("a {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> FileEntry {
        FileEntry {
            kind: "file",
            mode: 0o644,
            owner: (0, 0),
            modified: 1,
            size: content.len() as u64,
            content: content.to_owned(),
        }
    }

    #[test]
    fn each_kind_of_difference_is_named_with_its_path() {
        let listing = |entries: Vec<(&str, FileEntry)>| -> FileTree {
            entries.into_iter().map(|(path, entry)| (path.to_owned(), entry)).collect()
        };
        let link = |target: &str| FileEntry { kind: "link", ..file(target) };
        let image = listing(vec![
            ("a", file("same")),
            ("b", file("one")),
            ("c", FileEntry { mode: 0o600, owner: (0, 8), ..file("x") }),
            ("d", link("b")),
            ("e", file("")),
            ("f", link("a")),
        ]);
        let rebuilt = listing(vec![
            ("a", file("same")),
            ("b", FileEntry { modified: 2, ..file("other") }),
            ("c", file("x")),
            ("d", link("a")),
            ("f", file("a")),
            ("g", file("")),
        ]);
        assert_eq!(
            differences(&image, &rebuilt),
            [
                "/b: other content (3 and 5 bytes), time 1 became 2",
                "/c: mode 600 became 644, owner 0:8 became 0:0",
                "/d: target b became a",
                "/e: a file is missing in the rebuilt image",
                "/f: a link became a file",
                "/g: a file is only in the rebuilt image",
            ]
        );
        assert!(differences(&image, &image).is_empty());
    }

    #[test]
    fn of_many_differences_the_first_are_named() {
        let many: FileTree = (0..50).map(|number| (format!("{number:02}"), file("x"))).collect();
        let lines = differences(&many, &FileTree::new());
        assert_eq!((lines.len(), lines[NAMED].as_str()), (NAMED + 1, "and 30 more"));
    }
}
