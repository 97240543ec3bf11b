//! Python without comments, docstrings and annotations, and with as little white space as it needs.

use super::token::{Line, is_of_word, lines};

/// A source that means the same when it runs.
pub(super) fn minified(source: &str) -> String {
    let lines = without_types(lines(source));
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let indent = " ".repeat(line.depth);
        if !is_docstring(line) {
            text.extend([&indent, &joined(&line.tokens), "\n"]);
        } else if lines.get(number + 1).is_none_or(|next| next.depth < line.depth) {
            // The block has nothing else.
            text.extend([&indent, "...\n"]);
        }
    }
    text
}

fn is_docstring(line: &Line<'_>) -> bool {
    matches!(line.tokens[..], [string] if string.ends_with(['"', '\'']))
}

/// Two words, or a word and a string, need a space between them.
fn joined(tokens: &[&str]) -> String {
    let mut text = String::new();
    for token in tokens {
        let word = text.ends_with(is_of_word);
        if word && token.starts_with(|c: char| is_of_word(c) || ['"', '\''].contains(&c)) {
            text.push(' ');
        }
        text.push_str(token);
    }
    text
}

/// What a block is, as far as annotations in it are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Annotations declare the fields of a `NamedTuple`.
    Class,
    /// What type checkers read alone.
    Types,
    Other,
}

fn without_types(lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let mut blocks: Vec<Block> = vec![];
    let mut kept = vec![];
    for mut line in lines {
        blocks.truncate(line.depth);
        let block = match line.tokens[..] {
            ["class", ..] => Block::Class,
            ["if", "TYPE_CHECKING", ":"] => Block::Types,
            _ => Block::Other,
        };
        let inside = blocks.last().copied();
        blocks.push(block);
        if block == Block::Types || inside == Some(Block::Types) {
            continue;
        }
        match line.tokens[..] {
            ["from", "__future__", "import", "annotations"]
            | ["from", "typing", "import", "TYPE_CHECKING"] => continue,
            ["from", "typing", "import", "TYPE_CHECKING", ",", ..] => drop(line.tokens.drain(3..5)),
            ["def", ..] | ["async", "def", ..] => line.tokens = signature(&line.tokens),
            [name, ":", ..] if inside != Some(Block::Class) && is_variable(name) => {
                let value = at_depth_0(&line.tokens, "=");
                let Some(value) = value else { continue };
                line.tokens.drain(1..value);
            }
            _ => {}
        }
        kept.push(line);
    }
    kept
}

fn is_variable(name: &str) -> bool {
    !["else", "try", "finally", "lambda"].contains(&name)
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Where a token stands outside of all brackets.
fn at_depth_0(tokens: &[&str], wanted: &str) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        depth = nested(depth, token);
        depth == 0 && *token == wanted
    })
}

/// How many brackets are open after a token.
fn nested(depth: usize, token: &str) -> usize {
    match token {
        "(" | "[" | "{" => depth + 1,
        ")" | "]" | "}" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// The head of a function with the names of its parameters and their defaults alone.
fn signature<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let mut kept = vec![];
    let (mut depth, mut in_annotation) = (0, false);
    for token in tokens {
        let before = depth;
        depth = nested(depth, token);
        let closes = before == 1 && depth == 0;
        let ends_annotation = closes || before == 1 && [",", "="].contains(token);
        in_annotation = (in_annotation && !ends_annotation) || before == 1 && *token == ":";
        if !in_annotation {
            kept.push(*token);
        }
        if closes {
            break;
        }
    }
    kept.push(":");
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_people_read_goes_and_values_stay() {
        let source = "\"\"\"What it is.\n\nMore.\n\"\"\"\n\nimport os\n\n# Why.\nTEXT = \"\"\"# kept\n\n  too\"\"\"\n\n\n\
                      def f(a: int, *, b: dict[str, int] = {}, **more: object) -> list[str] | None:\n    \"\"\"One line.\"\"\"\n    \
                      here: str = 'a # b'  # gone\n    return (\n        a,\n        here,\n    )\n\n\nclass Failure(Exception):\n    \
                      \"\"\"Nothing else.\"\"\"\n";
        assert_eq!(
            minified(source),
            "import os\nTEXT=\"\"\"# kept\n\n  too\"\"\"\ndef f(a,*,b={},**more):\n here='a # b'\n return(a,here,)\nclass \
             Failure(Exception):\n ...\n"
        );
    }

    #[test]
    fn fields_of_a_named_tuple_keep_their_annotations_and_imports_for_types_go() {
        let source = "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING, NamedTuple\n\nif TYPE_CHECKING:\n    \
                      from a import B\n\n\nclass User(NamedTuple):\n    uid: int\n\n    def of(self) -> int:\n        return not self\n";
        assert_eq!(
            minified(source),
            "from typing import NamedTuple\nclass User(NamedTuple):\n uid:int\n def of(self):\n  return not self\n"
        );
    }

    #[test]
    fn a_lambda_an_f_string_and_an_escaped_quote_survive() {
        let source =
            "key = lambda a: (a, f\"{a:02}\", 'it\\'s', rb'\\x00')\nif x:= y:\n    pass\nelse:\n    z = 1\n";
        assert_eq!(
            minified(source),
            "key=lambda a:(a,f\"{a:02}\",'it\\'s',rb'\\x00')\nif x:=y:\n pass\nelse:\n z=1\n"
        );
    }
}
