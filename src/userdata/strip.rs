//! Programs without what only people read.

/// A file as it travels: without comments, docstrings and blank lines. What is left means the same, which a test has Python
/// itself confirm.
pub(super) fn stripped(path: &str, text: &str) -> String {
    if path.ends_with(".py") { python(text) } else { without_comments(text.lines()) }
}

/// Units and shell scripts. Nothing in ours has a line within a text that begins like a comment.
fn without_comments<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let needed = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && (!line.starts_with('#') || line.starts_with("#!"))
    };
    lines.filter(needed).flat_map(|line| [line, "\n"]).collect()
}

const QUOTES: &str = "\"\"\"";

/// A text that begins a line in triple quotes is a docstring; one that begins later in a line is a value, and stays as it
/// is. A docstring that is all that a block has becomes `...`.
fn python(text: &str) -> String {
    let mut kept: Vec<String> = vec![];
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let inner = line.trim_start();
        if inner.is_empty() || inner.starts_with('#') {
            continue;
        }
        if inner.starts_with(QUOTES) {
            let mut last = &inner[QUOTES.len()..];
            while !last.ends_with(QUOTES) {
                let Some(next) = lines.next() else { break };
                last = next;
            }
            let depth = line.len() - inner.len();
            while lines.next_if(|line| line.trim().is_empty()).is_some() {}
            let follows = lines.peek().map_or(0, |next| next.len() - next.trim_start().len());
            if follows < depth {
                kept.push(format!("{:depth$}...", ""));
            }
            continue;
        }
        kept.push(line.to_owned());
        if line.matches(QUOTES).count() % 2 == 1 {
            for line in lines.by_ref() {
                kept.push(line.to_owned());
                if line.contains(QUOTES) {
                    break;
                }
            }
        }
    }
    kept.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docstrings_and_comments_go_and_values_stay() {
        let text = "\"\"\"What it is.\n\nMore.\n\"\"\"\n\nimport os\n\n# Why.\nTEXT = \"\"\"# kept\n\n  too\"\"\"\n\n\ndef f() -> None:\n    \
                    \"\"\"One line.\"\"\"\n    return 1  # as it is\n\n\nclass Failure(Exception):\n    \"\"\"Nothing else.\"\"\"\n";
        assert_eq!(
            stripped("a.py", text),
            "import os\nTEXT = \"\"\"# kept\n\n  too\"\"\"\ndef f() -> None:\n    return 1  # as it is\nclass \
             Failure(Exception):\n    ...\n"
        );
    }

    #[test]
    fn a_shell_script_keeps_its_first_line() {
        assert_eq!(stripped("a.sh", "#!/bin/sh\n# Why.\n\necho \"#\"\n"), "#!/bin/sh\necho \"#\"\n");
    }
}
