//! Findings for a program, in SARIF's words where it has one.

use serde_json::{Value, json};

use super::{Finding, Findings, Label, Severity};

impl Findings {
    /// The findings as a JSON list.
    #[must_use]
    pub fn json(&self) -> Value {
        self.iter().map(finding).collect()
    }
}

fn finding(finding: &Finding) -> Value {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({
        "severity": severity,
        "message": finding.message,
        "help": finding.remedy,
        "locations": finding.labels.iter().map(location).collect::<Value>(),
    })
}

/// Lines and columns count from 1, and columns count characters.
fn location(label: &Label) -> Value {
    let text = &label.source.text;
    let before = text.get(..label.span.start).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    json!({ "file": label.source.name, "line": line, "column": column, "message": label.text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;

    #[test]
    fn a_location_counts_lines_and_letters_from_one() {
        let source = Source::new("workshop.yaml", "version: 1\nnäme: x\n");
        let at = source.text.find('x').expect("an x");
        let found = Findings::from(Finding::warning("a", "b").at(&source, at..at + 1, "c"));
        insta::assert_snapshot!(found.json(), @r#"[{"help":"b","locations":[{"column":7,"file":"workshop.yaml","line":2,"message":"c"}],"message":"a","severity":"warning"}]"#);
    }
}
