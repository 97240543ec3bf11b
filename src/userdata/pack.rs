//! Bytes in the fewest letters of plain ASCII that Python's standard library unpacks: LZMA, and base85 of RFC 1924.

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
    fn what_is_not_base85_is_none() {
        assert_eq!(from_base85("~~~~~"), None, "more than four bytes hold");
        assert_eq!(from_base85("\"abc"), None);
    }
}
