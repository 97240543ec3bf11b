//! Names of files as text and back: a name is bytes, and a file whose name is no text must not be passed over.

use std::fmt::Write;

/// Where the characters for bytes that are no text begin, in the last plane for private use. Those characters themselves
/// are taken for such bytes as well, so that no two names become the same text.
const FIRST: u32 = 0x10_ff00;

/// A name as text, of which [`bytes`] makes the same name again.
pub(super) fn text(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if u32::from(character) < FIRST {
                text.push(character);
            } else {
                let mut buffer = [0; 4];
                text.extend(character.encode_utf8(&mut buffer).bytes().map(stand_in));
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

fn stand_in(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for.
fn stood_for(character: char) -> Option<u8> {
    u8::try_from(u32::from(character).checked_sub(FIRST)?).ok()
}

/// The name that a text was made of.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut name = vec![];
    for character in text.chars() {
        match stood_for(character) {
            Some(byte) => name.push(byte),
            None => name.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    name
}

/// A text with such names in it for a person.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match stood_for(character) {
            // Writing to a string does not fail.
            Some(byte) => drop(write!(shown, "\\x{byte:02x}")),
            None => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_comes_back_and_no_two_are_the_same_text() {
        let names: [&[u8]; 5] = [b"etc", "café".as_bytes(), b"caf\xe9", b"\xff\xfe", "\u{10ffe9}".as_bytes()];
        for name in names {
            assert_eq!(bytes(&text(name)), name, "{name:?}");
        }
        assert_ne!(text(b"\xe9"), text("\u{10ffe9}".as_bytes()));
        assert_eq!(shown(&text(b"etc/caf\xe9")), "etc/caf\\xe9");
    }
}
