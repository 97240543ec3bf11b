//! Python's tokens, as far as leaving out some of them needs to know (Python Language Reference, chapter 2).

/// A logical line: one statement, or the head of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// How many blocks it is in.
    pub(super) depth: usize,
    /// Names, numbers, strings and operators, without comments and white space.
    pub(super) tokens: Vec<&'a str>,
}

/// The logical lines of a source that Python accepts.
pub(super) fn lines(source: &str) -> Vec<Line<'_>> {
    let mut reader = Tokenizer { rest: source, brackets: 0 };
    let mut indents = vec![0];
    let mut lines = vec![];
    while !reader.rest.is_empty() {
        let indent = reader.indent();
        let tokens = reader.statement();
        if tokens.is_empty() {
            continue;
        }
        while indents.last().is_some_and(|last| *last > indent) {
            indents.pop();
        }
        if indents.last().is_some_and(|last| *last < indent) {
            indents.push(indent);
        }
        lines.push(Line { depth: indents.len() - 1, tokens });
    }
    lines
}

struct Tokenizer<'a> {
    rest: &'a str,
    /// How many brackets are open: within them a line's end is white space.
    brackets: usize,
}

impl<'a> Tokenizer<'a> {
    fn indent(&mut self) -> usize {
        let inner = self.rest.trim_start_matches(' ');
        let indent = self.rest.len() - inner.len();
        self.rest = inner;
        indent
    }

    /// The tokens up to the end of the logical line.
    fn statement(&mut self) -> Vec<&'a str> {
        let mut tokens = vec![];
        while let Some(first) = self.rest.chars().next() {
            match first {
                '\n' if self.brackets == 0 => {
                    self.take(1);
                    break;
                }
                ' ' | '\n' => drop(self.take(1)),
                '\\' => drop(self.take(2)),
                '#' => drop(self.take(self.rest.find('\n').unwrap_or(self.rest.len()))),
                _ => tokens.push(self.token()),
            }
        }
        tokens
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        token
    }

    fn token(&mut self) -> &'a str {
        let word = self.rest.find(|c: char| !is_of_word(c)).unwrap_or(self.rest.len());
        if self.rest[word..].starts_with(['"', '\'']) && word <= 2 {
            let length = word + string(&self.rest[word..]);
            return self.take(length);
        }
        if word > 0 {
            return self.take(word);
        }
        let operator = OPERATORS.iter().find(|operator| self.rest.starts_with(**operator));
        let length =
            operator.map_or_else(|| self.rest.chars().next().map_or(0, char::len_utf8), |it| it.len());
        let token = self.take(length);
        match token {
            "(" | "[" | "{" => self.brackets += 1,
            ")" | "]" | "}" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        token
    }
}

/// Operators of several characters, the longest first.
const OPERATORS: &[&str] = &[
    "**=", "//=", ">>=", "<<=", "...", "->", ":=", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=",
    "&=", "|=", "^=", "@=", "**", "//", "<<", ">>",
];

/// The length of the string that begins a text.
fn string(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let end = if text.starts_with(&triple) { triple.as_str() } else { quote };
    let mut at = end.len();
    while !text[at..].starts_with(end) {
        let escaped = text[at..].starts_with('\\');
        at += usize::from(escaped);
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
    at + end.len()
}

/// Whether a character is one of names and numbers.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
