//! Programs without what only people and type checkers read.

mod python;
mod token;

use std::path::Path;

/// A file as it travels. What is left means the same, which a test has Python itself confirm.
pub(super) fn minified(path: &str, text: &str) -> String {
    if Path::new(path).extension().is_some_and(|ending| ending == "py") {
        python::minified(text)
    } else {
        without_comments(text)
    }
}

/// Units and shell scripts. Nothing in ours has a line within a text that begins like a comment.
fn without_comments(text: &str) -> String {
    let needed = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && (!line.starts_with('#') || line.starts_with("#!"))
    };
    text.lines().filter(needed).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_script_keeps_its_first_line() {
        assert_eq!(minified("a.sh", "#!/bin/sh\n# Why.\n\necho \"#\"\n"), "#!/bin/sh\necho \"#\"\n");
    }
}
