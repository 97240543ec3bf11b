//! The pages' form: short, in plain English, in the glossary's terms.

use super::{page, pages, without_code};
use crate::project;

#[test]
fn readme_fits_in_8_kb() {
    let bytes = std::fs::metadata(project("README.md")).unwrap().len();
    assert!(bytes <= 8000, "{bytes}");
}

#[test]
fn lines_of_pages_wrap_at_120() {
    for page in pages() {
        for line in page.prose().filter(|line| !line.text.starts_with('|')) {
            assert!(line.text.chars().count() <= 120, "{}", page.place(line));
        }
    }
}

/// The phrase in a line that the style guide replaces.
fn forbidden(line: &str) -> Option<&'static str> {
    let line = format!(" {} ", without_code(line).to_lowercase()).replace("there is no ", "");
    let phrases =
        [" is no ", " whoever", " in place of ", " anew", " the own ", "entity not found", " who needs "];
    phrases.into_iter().find(|phrase| line.contains(phrase))
}

#[test]
fn pages_are_in_plain_english() {
    for page in pages() {
        for line in page.prose() {
            assert_eq!(forbidden(&line.text), None, "{}", page.place(line));
        }
    }
}

#[test]
fn a_phrase_that_the_style_guide_replaces_is_noticed() {
    assert_eq!(forbidden("A folder is no file."), Some(" is no "));
    assert_eq!(forbidden("Whoever logs in"), Some(" whoever"));
    assert_eq!(forbidden("There is no SSH; not `whoever`."), None);
}

#[test]
fn the_glossary_has_20_to_40_terms_in_order_each_once() {
    let glossary = page(".github/GLOSSARY.md");
    let rows = glossary.prose().filter_map(|line| line.text.strip_prefix("| ")).skip(1);
    let terms: Vec<&str> = rows.map(|row| row.split_once(" | ").unwrap().0).collect();
    assert!((20..=40).contains(&terms.len()), "{}", terms.len());
    assert!(terms.windows(2).all(|pair| pair[0] < pair[1]), "{terms:?}");
}
