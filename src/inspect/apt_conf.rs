//! apt's settings, as far as they can be read without the files that they include (apt.conf(5)).

use std::iter::Peekable;
use std::str::Chars;

/// A piece of the text.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A name or a value, without the quotes around it.
    Word(String),
    Open,
    Close,
    End,
}

/// All settings by their full names (`Acquire::http::Proxy`), with their values.
pub(super) fn settings(text: &str) -> Vec<(String, String)> {
    let (mut found, mut scopes, mut words) = (vec![], vec![], vec![]);
    for token in tokens(text) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open => scopes.push(std::mem::take(&mut words).concat()),
            Token::Close => drop(scopes.pop()),
            Token::End => {
                let mut words = std::mem::take(&mut words).into_iter();
                if let (Some(name), value) = (words.next(), words.collect::<Vec<_>>().join(" ")) {
                    let parts = scopes.iter().chain([&name]).map(String::as_str);
                    found.push((parts.collect::<Vec<_>>().join("::"), value));
                }
            }
        }
    }
    found
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = vec![];
    // A line that begins so is a comment; elsewhere the sign is one like any other.
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '{' => tokens.push(Token::Open),
            '}' => tokens.push(Token::Close),
            ';' => tokens.push(Token::End),
            '"' => tokens.push(Token::Word(rest.by_ref().take_while(|letter| *letter != '"').collect())),
            '/' if rest.peek() == Some(&'/') => drop(rest.by_ref().find(|letter| *letter == '\n')),
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            letter if letter.is_whitespace() => {}
            letter => tokens.push(Token::Word(word(letter, &mut rest))),
        }
    }
    tokens
}

fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    while let Some(letter) = rest.next() {
        if letter == '*' && rest.peek() == Some(&'/') {
            rest.next();
            return;
        }
    }
}

fn word(first: char, rest: &mut Peekable<Chars<'_>>) -> String {
    let mut word = String::from(first);
    while let Some(letter) = rest.next_if(|letter| !letter.is_whitespace() && !"{};\"".contains(*letter)) {
        word.push(letter);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_their_full_names_however_they_are_written() {
        let text = "# a comment; with signs {\n\
                    Acquire::http::Proxy \"http://a//b:1/;\"; // and one more { \"\n\
                    Acquire { Retries 3; http { Proxy \"DIRECT\"; /* no; */ }; };\n\
                    APT::NeverAutoRemove {\"^linux\";};";
        let found = settings(text);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [
            ("Acquire::http::Proxy", "http://a//b:1/;"),
            ("Acquire::Retries", "3"),
            ("Acquire::http::Proxy", "DIRECT"),
            ("APT::NeverAutoRemove::^linux", ""),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn no_text_makes_it_panic() {
        proptest::proptest!(|(text in "[{};\"/*# a:\n]{0,40}")| {
            settings(&text);
        });
    }
}
