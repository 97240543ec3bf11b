//! A finding as text: the line, the underlined stretch, the remedy.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::document::{Finding, Label, Severity, Source};

/// Draws one finding.
pub(super) fn render(finding: &Finding, colour: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(finding.message.as_str()));
    for (source, labels) in by_source(&finding.labels) {
        group = group.element(snippet(source, &labels));
    }
    let group = group.element(Level::HELP.message(finding.remedy.as_str()));
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.render(&[group]);
    if finding.labels.is_empty() { without_bar(&text, finding.message.lines().count()) } else { text }
}

/// The text without the bar below its title: it leads to lines of a file, and there are none.
fn without_bar(text: &str, title_lines: usize) -> String {
    let lines = text.lines().enumerate().filter(|(number, _)| *number != title_lines);
    lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// The labels of each source together, in the order in which the sources first come up.
fn by_source(labels: &[Label]) -> Vec<(&Arc<Source>, Vec<&Label>)> {
    let mut grouped: Vec<(&Arc<Source>, Vec<&Label>)> = vec![];
    for label in labels {
        match grouped.iter_mut().find(|(source, _)| *source == &label.source) {
            Some((_, together)) => together.push(label),
            None => grouped.push((&label.source, vec![label])),
        }
    }
    grouped
}

fn snippet<'a>(source: &'a Source, labels: &[&'a Label]) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mut snippet = Snippet::source(source.text.as_str()).path(source.name.as_str());
    for (position, label) in labels.iter().enumerate() {
        let kind = if position == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let span = whole_letters(&source.text, &label.span);
        snippet = snippet.annotation(kind.span(span).label(label.text.as_str()));
    }
    snippet
}

/// A stretch of a text without halves of letters, wherever it came from.
fn whole_letters(text: &str, span: &Range<usize>) -> Range<usize> {
    let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
    let start = (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = (end.max(start)..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn both_places_of_a_clash_are_shown_with_the_remedy() {
        let source =
            Source::new("workshop.yaml", "users:\n  - {name: ada, uid: 2001}\n  - {name: bob, uid: 2001}\n");
        let (first, again) =
            (source.text.find("2001").expect("first"), source.text.rfind("2001").expect("again"));
        let finding = Finding::error("UID 2001 is given twice", "give each user a UID of their own")
            .at(&source, again..again + 4, "given again here")
            .at(&source, first..first + 4, "first given here");
        insta::assert_snapshot!(render(&finding, false), @r"
        error: UID 2001 is given twice
         --> workshop.yaml:3:22
          |
        2 |   - {name: ada, uid: 2001}
          |                      ---- first given here
        3 |   - {name: bob, uid: 2001}
          |                      ^^^^ given again here
          |
          = help: give each user a UID of their own
        ");
    }

    #[test]
    fn a_finding_without_a_place_has_no_bar() {
        let finding = Finding::error("nodes need the hub's address", "add `--hub-ip 10.0.0.5`");
        let shown = "error: nodes need the hub's address\n = help: add `--hub-ip 10.0.0.5`";
        assert_eq!(render(&finding, false), shown);
        assert!(!render(&finding, true).contains('|'));
        let long = Finding::error("one\ntwo", "three");
        assert!(!render(&long, false).contains('|'), "{}", render(&long, false));
    }

    #[test]
    fn what_is_no_yaml_is_shown_at_its_letter_whatever_is_before_it() {
        let text = "version: 1\n# für 学生\nname: é: x\n";
        let finding = Document::parse(Source::new("workshop.yaml", text)).unwrap_err();
        let shown = render(&finding, false);
        assert!(shown.contains("--> workshop.yaml:3:") && shown.contains("3 | name: é: x"), "{shown}");
    }

    #[test]
    fn no_text_and_no_stretch_of_it_makes_drawing_panic() {
        proptest::proptest!(|(text in "\u{feff}?[a-cé学:{}\\[\\]\"' \n-]{0,40}", start in 0..50_usize, length in 0..9_usize)| {
            let source = Source::new("workshop.yaml", text);
            let anywhere = Finding::error("a", "b").at(&source, start..start + length, "c");
            render(&anywhere, false);
            if let Err(finding) = Document::parse(source) {
                render(&finding, false);
            }
        });
    }
}
