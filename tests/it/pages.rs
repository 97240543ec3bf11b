//! The pages: every example is executed, every command and link exists, and README stays short.

mod commands;
mod examples;
mod links;
mod pipeline;
mod prose;

use assert_cmd::Command;

use crate::{program, project, text};

/// A Markdown file of the project.
struct Page {
    /// Its path in the project.
    path: String,
    lines: Vec<Line>,
}

/// A line of a page.
struct Line {
    number: usize,
    text: String,
    /// The marks of the fenced block that it is in, such as `sh slow`.
    block: Option<String>,
}

/// A fenced block.
struct Block {
    /// Where it begins, for messages.
    place: String,
    /// What stands behind its fence.
    marks: String,
    text: String,
}

/// All of them.
fn pages() -> Vec<Page> {
    let mut git = Command::new(program("git"));
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]).current_dir(project(""));
    let names = text(&git.output().unwrap().stdout);
    let pages: Vec<Page> = names.lines().filter(|name| project(name).exists()).map(page).collect();
    assert!(pages.iter().any(|page| page.path == "README.md"), "{names}");
    pages
}

fn page(path: &str) -> Page {
    let text = std::fs::read_to_string(project(path)).unwrap();
    let mut block = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &block) {
            (Some(marks), None) => block = Some(marks.to_owned()),
            (Some(_), Some(_)) => block = None,
            (None, _) => {
                lines.push(Line { number: index + 1, text: line.to_owned(), block: block.clone() });
                continue;
            }
        }
        lines.push(Line { number: index + 1, text: String::new(), block: None });
    }
    assert!(block.is_none(), "{path}: a fence is not closed");
    Page { path: path.to_owned(), lines }
}

impl Page {
    /// Where a line is, for messages.
    fn place(&self, line: &Line) -> String {
        format!("{}:{}", self.path, line.number)
    }

    fn blocks(&self) -> Vec<Block> {
        let blocks = self.lines.chunk_by(|line, next| line.block == next.block);
        let blocks = blocks.filter_map(|lines| Some((lines, lines[0].block.clone()?)));
        let blocks = blocks.map(|(lines, marks)| {
            // A block in a list is as far to the right as the list's text.
            let margin = lines[0].text.len() - lines[0].text.trim_start().len();
            let text = lines.iter().map(|line| line.text.get(margin..).unwrap_or_default().to_owned() + "\n");
            Block { place: self.place(&lines[0]), marks, text: text.collect() }
        });
        blocks.collect()
    }

    /// The lines outside of blocks.
    fn prose(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.block.is_none())
    }

    /// The inline code of its prose, each with its place.
    fn code(&self) -> impl Iterator<Item = (String, String)> {
        let spans = self.prose().flat_map(|line| {
            assert!(line.text.matches('`').count() % 2 == 0, "{}: code over two lines", self.place(line));
            let spans = line.text.split('`').skip(1).step_by(2);
            spans.map(|span| (self.place(line), span.to_owned())).collect::<Vec<_>>()
        });
        spans.collect::<Vec<_>>().into_iter()
    }
}

/// The text of a line without its inline code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}
