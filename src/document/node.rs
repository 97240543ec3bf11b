//! The tree itself, and how serde fills it.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

/// A value with the bytes that it was written in.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What was written.
    pub value: Value,
    /// Where: byte offsets into the source.
    pub span: Range<usize>,
}

/// The key of a mapping's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapKey {
    /// The key's text.
    pub name: String,
    /// Where it stands.
    pub span: Range<usize>,
}

/// A YAML value of the core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text, quoted or plain.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(MapKey, Node)>),
}

impl Value {
    /// The value's kind in the words of an error message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            // Digits with a zero before them, which are no whole number in YAML.
            Self::Float(value) if value.fract() == 0.0 => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Parses one document; on failure says why and where.
pub(super) fn parse(text: &str) -> Result<Node, (String, Range<usize>)> {
    if is_blank(text) {
        return Ok(Node { value: Value::Map(vec![]), span: 0..0 });
    }
    match serde_yaml::from_str::<Spanned<Value>>(text) {
        Ok(root) => Ok(node(root)),
        Err(error) => Err(describe(&error, text)),
    }
}

fn is_blank(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

fn describe(error: &serde_yaml::Error, text: &str) -> (String, Range<usize>) {
    let bare = error.without_snippet();
    let span = bare.location().map_or(0..0, |location| letter(&location, text));
    let message = bare.render_with_formatter(&serde_yaml::UserMessageFormatter);
    (first_line(&message), span)
}

/// The letter at the place of an error, which has a line and a column in letters and no bytes.
fn letter(location: &Location, text: &str) -> Range<usize> {
    let count = |number: u64| to_usize(number).saturating_sub(1);
    let line: usize = text.split_inclusive('\n').take(count(location.line())).map(str::len).sum();
    let mut letters = text[line..].char_indices().skip(count(location.column()));
    letters.next().map_or(text.len()..text.len(), |(at, letter)| line + at..line + at + letter.len_utf8())
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { span: bytes(&spanned.referenced), value: spanned.value }
}

fn bytes(location: &Location) -> Range<usize> {
    let span = location.span();
    let start = to_usize(span.byte_offset().unwrap_or_else(|| span.offset()));
    start..start + to_usize(span.byte_len().unwrap_or_else(|| span.len()))
}

fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Value>>()? {
            map.push((MapKey { span: bytes(&key.referenced), name: key.value }, node(value)));
        }
        Ok(Value::Map(map))
    }
}
