//! Bytes in few letters of plain ASCII that Python unpacks without more than its standard library: LZMA, in base85 of RFC
//! 1924, or in base94, which is two hundredths shorter and has no function there.

use std::io::Read;

use anyhow::Context;
use liblzma::read::XzEncoder;
use liblzma::stream::{LzmaOptions, Stream};

use crate::failure::Result;

/// How hard LZMA tries; with such short inputs it takes milliseconds.
const PRESET: u32 = 9;
/// Bytes in which the compressor looks for what it has seen before: more than anything that is packed here.
const WINDOW: u32 = 1 << 20;
/// The most bits of the byte before that the compressor may look at.
const MOST_CONTEXT: u32 = 4;

/// RFC 1924, section 4.2.
const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// The `.lzma` file of some bytes: the smallest of those that LZMA makes with more or less context.
pub(super) fn lzma(bytes: &[u8]) -> Result<Vec<u8>> {
    let packed: Vec<Vec<u8>> =
        (0..=MOST_CONTEXT).map(|context| with_context(bytes, context)).collect::<Result<_>>()?;
    Ok(packed.into_iter().min_by_key(Vec::len).unwrap_or_default())
}

fn with_context(bytes: &[u8], context: u32) -> Result<Vec<u8>> {
    let mut options = LzmaOptions::new_preset(PRESET).context("LZMA's preset")?;
    options.dict_size(WINDOW).literal_context_bits(context).literal_position_bits(0).position_bits(0);
    options.nice_len(273);
    let stream = Stream::new_lzma_encoder(&options).context("LZMA's encoder")?;
    let mut packed = vec![];
    XzEncoder::new_stream(bytes, stream).read_to_end(&mut packed).context("compressing")?;
    Ok(packed)
}

/// Five letters for each four bytes, and one more than its bytes for what is left.
pub(super) fn base85(bytes: &[u8]) -> String {
    bytes.chunks(4).flat_map(|chunk| letters(chunk).into_iter().take(chunk.len() + 1)).collect()
}

/// The five digits of up to four bytes, as a big-endian number with zeros after them.
fn letters(chunk: &[u8]) -> [char; 5] {
    let number = (0..4).fold(0_u32, |sum, at| sum << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
    let digit = |power: u32| char::from(DIGITS[(number / 85_u32.pow(power) % 85) as usize]);
    [digit(4), digit(3), digit(2), digit(1), digit(0)]
}

/// What [`base85`] wrote, with line breaks anywhere in it; none where it is not that.
pub(super) fn from_base85(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u64> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| DIGITS.iter().position(|digit| *digit == byte).map(|digit| digit as u64))
        .collect::<Option<_>>()?;
    let mut bytes = vec![];
    for chunk in digits.chunks(5) {
        // What is missing counts as the highest digit, so that the bytes that are there come out whole.
        let number = (0..5).fold(0, |sum, at| sum * 85 + chunk.get(at).copied().unwrap_or(84));
        let number = u32::try_from(number).ok()?;
        bytes.extend(&number.to_be_bytes()[..chunk.len().saturating_sub(1)]);
    }
    Some(bytes)
}

/// The first of the 94 letters of ASCII that can be seen; the others follow.
const FIRST: u8 = b'!';
/// A big-endian number takes this byte before its first one, so that zeros at its beginning count.
const SENTINEL: u32 = 1;
/// 94 to the power of four, which is below 2 to the power of 32.
const FOUR_LETTERS: u64 = 94_u64.pow(4);

/// The bytes as one large number, in letters.
pub(super) fn base94(bytes: &[u8]) -> String {
    let mut limbs = limbs(bytes);
    let mut letters = vec![];
    while !limbs.is_empty() {
        let mut rest = divide(&mut limbs);
        for _ in 0..4 {
            letters.push(char::from(FIRST + u8::try_from(rest % 94).unwrap_or(0)));
            rest /= 94;
        }
    }
    // The highest letters may be zeros, which say nothing.
    while letters.last() == Some(&char::from(FIRST)) {
        letters.pop();
    }
    letters.iter().rev().collect()
}

/// A sentinel and the bytes, 32 bits each, the highest first.
fn limbs(bytes: &[u8]) -> Vec<u32> {
    let (head, tail) = bytes.split_at(bytes.len() % 4);
    let number = |bytes: &[u8], above: u32| bytes.iter().fold(above, |sum, byte| sum << 8 | u32::from(*byte));
    let head = number(head, SENTINEL);
    std::iter::once(head).chain(tail.chunks(4).map(|chunk| number(chunk, 0))).collect()
}

/// Divides a large number by four letters' worth, and gives the rest.
fn divide(limbs: &mut Vec<u32>) -> u64 {
    let mut rest = 0;
    for limb in &mut *limbs {
        let number = rest << 32 | u64::from(*limb);
        // The quotient has 32 bits, as the rest before was below the divisor.
        *limb = u32::try_from(number / FOUR_LETTERS).unwrap_or(u32::MAX);
        rest = number % FOUR_LETTERS;
    }
    let zeros = limbs.iter().take_while(|limb| **limb == 0).count();
    limbs.drain(..zeros);
    rest
}

/// What [`base94`] wrote, with white space anywhere in it; none where it is not that.
pub(super) fn from_base94(text: &str) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = vec![];
    for letter in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let mut carry = u32::from(letter.checked_sub(FIRST).filter(|digit| *digit < 94)?);
        for byte in &mut bytes {
            carry += u32::from(*byte) * 94;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
        }
    }
    let sentinel = bytes.pop()?;
    bytes.reverse();
    (u32::from(sentinel) == SENTINEL).then_some(bytes)
}

/// What [`lzma`] packed, up to `most` bytes of it.
pub(super) fn from_lzma(packed: &[u8], most: u64) -> std::io::Result<Vec<u8>> {
    let stream = Stream::new_lzma_decoder(u64::MAX).map_err(std::io::Error::other)?;
    let mut bytes = vec![];
    liblzma::read::XzDecoder::new_stream(packed, stream).take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_packed_comes_out_again(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(from_base85(&base85(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_base94(&base94(&bytes)), Some(bytes.clone()));
            let packed = lzma(&bytes).expect("packed");
            prop_assert_eq!(from_lzma(&packed, 1000).expect("unpacked"), bytes);
        }
    }

    #[test]
    fn the_letters_are_those_of_python() {
        // base64.b85encode(b"imagegen")
        assert_eq!(base85(b"imagegen"), "X>DO=WoKn>");
    }

    #[test]
    fn base94_is_what_the_machine_reads() {
        // tests/guest/test_unpack.py has the same pair.
        assert_eq!(base94(b"\0imagegen"), "xmm/[B0r[)o");
        assert_eq!(from_base94("~~~"), None, "without the sentinel");
        assert_eq!(from_base94(""), None);
    }

    #[test]
    fn what_is_not_base85_is_none() {
        assert_eq!(from_base85("~~~~~"), None, "more than four bytes hold");
        assert_eq!(from_base85("\"abc"), None);
    }
}
