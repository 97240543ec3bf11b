//! The order of Debian's versions, as dpkg has it (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions.
#[must_use]
pub fn compare_versions(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    let numbers = compare_text(one[0], other[0]);
    numbers.then_with(|| compare_text(one[1], other[1])).then_with(|| compare_text(one[2], other[2]))
}

/// Epoch, upstream's version and Debian's revision. A revision that is not there is like one of 0.
fn parts(version: &str) -> [&str; 3] {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    [epoch, upstream, revision]
}

/// By turns a stretch without digits, by letters, and one of digits, as a number.
fn compare_text(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while !one.is_empty() || !other.is_empty() {
        let words = [&mut one, &mut other].map(|rest| taken(rest, |byte| !byte.is_ascii_digit()));
        let numbers = [&mut one, &mut other].map(|rest| without_zeros(taken(rest, u8::is_ascii_digit)));
        let [a, b] = numbers;
        let order = compare_words(words).then_with(|| a.len().cmp(&b.len())).then_with(|| a.cmp(b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// The end of a word is before every letter, and a tilde before the end.
fn compare_words([one, other]: [&[u8]; 2]) -> Ordering {
    let weight = |word: &[u8], place: usize| match word.get(place) {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let places = 0..one.len().max(other.len());
    places
        .map(|place| weight(one, place).cmp(&weight(other, place)))
        .find(|it| it.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn taken<'a>(rest: &mut &'a [u8], belongs: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = rest.iter().position(|byte| !belongs(byte)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros..]
}
