//! A finding as text: the line, the underlined stretch, the remedy.

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
    renderer.render(&[group])
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
        snippet = snippet.annotation(kind.span(label.span.clone()).label(label.text.as_str()));
    }
    snippet
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
