//! A source file by the compiler's own tokens, without its tests, comments and attributes.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A name that a `use` brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The whole path.
    pub path: Vec<String>,
    /// What it is called here.
    pub name: String,
    /// Whether others can import it from here.
    pub exported: bool,
}

/// What a function takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// How many of its parameters are `bool`.
    pub flags: usize,
}

/// What is of interest in a file.
#[derive(Debug, Default)]
pub struct Source {
    pub imports: Vec<Import>,
    /// Paths of at least two parts that the code names.
    pub paths: Vec<Vec<String>>,
    /// Every word of the code.
    pub words: BTreeSet<String>,
    /// Macros that are called.
    pub macros: BTreeSet<String>,
    /// The contents of string literals.
    pub strings: Vec<String>,
    /// Types that are defined here.
    pub types: BTreeSet<String>,
    /// Types with methods here.
    pub impls: BTreeSet<String>,
    pub functions: Vec<Function>,
}

impl Source {
    pub fn of(name: &str, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut source = Self::default();
        source.read(tokens);
        source
    }

    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.item(&tokens, at);
        }
    }

    /// Reads what begins at a token; gives where the next one begins.
    fn item(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        match &tokens[at] {
            TokenTree::Punct(mark) if mark.as_char() == '#' => return after_attribute(tokens, at),
            TokenTree::Group(group) => self.read(group.stream()),
            TokenTree::Literal(literal) => self.strings.extend(string(&literal.to_string())),
            TokenTree::Ident(word) => return self.word(&word.to_string(), tokens, at),
            TokenTree::Punct(_) => {}
        }
        at + 1
    }

    fn word(&mut self, word: &str, tokens: &[TokenTree], at: usize) -> usize {
        match word {
            "pub" => return after_visibility(tokens, at),
            "use" => return self.import(tokens, at),
            "struct" | "enum" | "union" => self.types.extend(text_at(tokens, at + 1)),
            "impl" if begins_item(tokens, at) => self.impls.extend(type_with_methods(&tokens[at + 1..])),
            "fn" => self.functions.extend(function(&tokens[at + 1..])),
            _ => {}
        }
        let (path, next) = path(tokens, at);
        if is_mark(tokens, next, '!') && matches!(tokens.get(next + 1), Some(TokenTree::Group(_))) {
            self.macros.insert(path.join("::"));
        }
        self.words.extend(path.iter().cloned());
        if path.len() > 1 {
            self.paths.push(path);
        }
        next
    }

    fn import(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let end = (at..tokens.len()).find(|at| is_mark(tokens, *at, ';')).unwrap_or(tokens.len());
        let exported = at > 0
            && (text_at(tokens, at - 1).is_some_and(|word| word == "pub")
                || matches!(&tokens[at - 1], TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis));
        self.tree(&tokens[at + 1..end], &[], exported);
        end + 1
    }

    /// The names in the tree of a `use`.
    fn tree(&mut self, tokens: &[TokenTree], before: &[String], exported: bool) {
        for branch in tokens.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',')) {
            if branch.is_empty() {
                continue; // behind the last comma
            }
            let mut path = before.to_vec();
            let mut name = None;
            let mut at = 0;
            while at < branch.len() {
                match &branch[at] {
                    TokenTree::Group(group) => {
                        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.tree(&inner, &path, exported);
                        path.clear();
                    }
                    TokenTree::Ident(word) if *word == "as" => {
                        name = text_at(branch, at + 1);
                        at += 1;
                    }
                    TokenTree::Ident(word) if *word == "self" && !path.is_empty() => {}
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Punct(mark) if mark.as_char() == '*' => path.push("*".into()),
                    _ => {}
                }
                at += 1;
            }
            if let Some(last) = path.last().cloned() {
                self.imports.push(Import { name: name.unwrap_or(last), path, exported });
            }
        }
    }
}

/// A path that begins at a token, and where it ends.
fn path(tokens: &[TokenTree], at: usize) -> (Vec<String>, usize) {
    let (mut path, mut at) = (vec![], at);
    while let Some(word) = text_at(tokens, at) {
        path.push(word);
        at += 1;
        if !(is_mark(tokens, at, ':') && is_mark(tokens, at + 1, ':') && text_at(tokens, at + 2).is_some()) {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// Whether an item begins at a token; `impl` stands for a type elsewhere.
fn begins_item(tokens: &[TokenTree], at: usize) -> bool {
    match at.checked_sub(1).map(|before| &tokens[before]) {
        None => true,
        Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
        Some(TokenTree::Punct(mark)) => mark.as_char() == ';',
        Some(_) => false,
    }
}

fn text_at(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

fn is_mark(tokens: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

/// `pub(in crate::room)` names no other file.
fn after_visibility(tokens: &[TokenTree], at: usize) -> usize {
    match tokens.get(at + 1) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => at + 2,
        _ => at + 1,
    }
}

/// Where the code goes on after an attribute, and after the item that only tests have.
fn after_attribute(tokens: &[TokenTree], at: usize) -> usize {
    let at = if is_mark(tokens, at + 1, '!') { at + 1 } else { at };
    let Some(TokenTree::Group(attribute)) = tokens.get(at + 1) else { return at + 1 };
    if attribute.stream().to_string().replace(' ', "") != "cfg(test)" {
        return at + 2;
    }
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => mark.as_char() == ';',
        _ => false,
    };
    let length = tokens[at + 2..].iter().position(ends).unwrap_or(tokens.len());
    (at + 3 + length).min(tokens.len())
}

/// The type of a block of methods, by its tokens behind `impl`; none where it implements a trait.
fn type_with_methods(tokens: &[TokenTree]) -> Option<String> {
    let head = tokens.iter().position(
        |token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
    )?;
    let (mut depth, mut name) = (0, None);
    for at in 0..head {
        match &tokens[at] {
            TokenTree::Punct(mark) if mark.as_char() == '<' => depth += 1,
            TokenTree::Punct(mark) if mark.as_char() == '>' && !is_mark(tokens, at.wrapping_sub(1), '-') => {
                depth -= 1;
            }
            TokenTree::Ident(word) if depth == 0 && *word == "for" => return None,
            TokenTree::Ident(word) if depth == 0 && *word == "where" => break,
            TokenTree::Ident(word) if depth == 0 => name = Some(word.to_string()),
            _ => {}
        }
    }
    name
}

fn function(tokens: &[TokenTree]) -> Option<Function> {
    let name = text_at(tokens, 0)?;
    let parameters = tokens.iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group.stream()),
        _ => None,
    })?;
    let parameters: Vec<TokenTree> = parameters.into_iter().collect();
    let flags = parameters
        .split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ','))
        .filter(|parameter| {
            let length = parameter.len();
            length >= 2
                && is_mark(parameter, length - 2, ':')
                && text_at(parameter, length - 1).is_some_and(|kind| kind == "bool")
        })
        .count();
    Some(Function { name, flags })
}

/// The content of a string literal, with its escapes as they are written.
fn string(literal: &str) -> Option<String> {
    if literal.trim_start_matches('b').starts_with('\'') {
        return None;
    }
    let (start, end) = (literal.find('"')?, literal.rfind('"')?);
    let raw = literal[..start].contains('r');
    let content = &literal[start + 1..end];
    Some(if raw { content.to_owned() } else { content.replace("\\n", "\n").replace("\\\"", "\"") })
}
