//! The wording of what can be wrong with the shape of any YAML file.

use std::ops::Range;
use std::sync::Arc;

use super::{Finding, MapKey, Node, Source};

/// The text is no YAML.
#[must_use]
pub fn not_yaml(source: &Arc<Source>, reason: &str, span: Range<usize>) -> Finding {
    Finding::error(
        format!("this is not valid YAML: {reason}"),
        "check the indentation, the quotes and the brackets here and on the line above",
    )
    .at(source, span, "reading stopped here")
}

/// A key that means nothing here.
#[must_use]
pub fn unknown_key(source: &Arc<Source>, key: &MapKey, known: &[&str]) -> Finding {
    let remedy = instead(&key.name, known, "keys");
    Finding::error(format!("unknown key `{}`", key.name), remedy).at(source, key.span.clone(), "unknown key")
}

/// A key that must be there is not.
#[must_use]
pub fn missing_key(source: &Arc<Source>, within: &Node, key: &str, example: &str) -> Finding {
    Finding::error(format!("`{key}` is missing"), format!("add `{example}`")).at(
        source,
        within.span.clone(),
        format!("`{key}` belongs in here"),
    )
}

/// A value of another kind than the key takes.
#[must_use]
pub fn wrong_kind(source: &Arc<Source>, key: &str, node: &Node, wanted: &str, example: &str) -> Finding {
    Finding::error(
        format!("`{key}` takes {wanted}, and this is {}", node.value.kind()),
        format!("write it like `{example}`"),
    )
    .at(source, node.span.clone(), format!("not {wanted}"))
}

/// A number that is too small or too large.
#[must_use]
pub fn out_of_range(source: &Arc<Source>, key: &str, node: &Node, range: &Range<i64>) -> Finding {
    Finding::error(
        format!("`{key}` is out of range"),
        format!("choose a number from {} to {}", range.start, range.end - 1),
    )
    .at(source, node.span.clone(), "out of range")
}

/// A version of the format that this program does not know.
#[must_use]
pub fn unknown_version(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error("this file is written for another version of imagegen", "write `version: 1`").at(
        source,
        node.span.clone(),
        "only 1 is known",
    )
}

/// What to write in place of an unknown word.
#[must_use]
pub fn instead(word: &str, known: &[&str], what: &str) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`? The {what} here are {}", listed(known)),
        None => format!("remove it; the {what} here are {}", listed(known)),
    }
}

/// The known word that is nearest to a misspelt one, where one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    nearest_within(word, known, 2.max(word.len() / 3))
}

/// The known word that is nearest to another one, at most so many edits away.
pub(crate) fn nearest_within<'a>(word: &str, known: &[&'a str], edits: usize) -> Option<&'a str> {
    let near = known.iter().map(|candidate| (edit_distance(word, candidate), *candidate)).min()?;
    (near.0 <= edits).then_some(near.1)
}

/// Levenshtein's distance, one row at a time.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in right.iter().enumerate() {
            let substitution = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = substitution.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_finds_the_one_that_was_meant() {
        assert_eq!(nearest("usrs", &["name", "users", "docker"]), Some("users"));
        assert_eq!(nearest("kubernetes", &["name", "users", "docker"]), None);
    }

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }
}
