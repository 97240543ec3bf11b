//! How much a student may store.

use std::sync::Arc;

use super::findings;
use crate::document::{Fields, Source};

const MIB: u64 = 1 << 20;
/// With less, a server cannot write the files that it starts with.
const LEAST: u64 = 16 * MIB;

/// How much each student may store in one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quota {
    /// A part of the disk, whose size the machine knows.
    #[default]
    OfDisk,
    /// As much as there is.
    Unlimited,
    /// So many bytes.
    Bytes(u64),
}

impl Quota {
    /// As programs in instances read it: nothing for a part of the disk, 0 for no limit.
    #[must_use]
    pub fn setting(self) -> Option<u64> {
        match self {
            Self::OfDisk => None,
            Self::Unlimited => Some(0),
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Reads `500M`, `2G` or `none`.
pub(super) fn read(source: &Arc<Source>, key: &str, fields: &mut Fields<'_, '_>) -> Quota {
    let Some((text, node)) = fields.text(key, &format!("{key}: 2G")) else { return Quota::OfDisk };
    if text == "none" {
        return Quota::Unlimited;
    }
    let Some(bytes) = bytes(text).filter(|bytes| *bytes >= LEAST) else {
        fields.findings().push(findings::not_a_quota(source, key, text, LEAST / MIB, node));
        return Quota::OfDisk;
    };
    Quota::Bytes(bytes)
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.strip_suffix('M') {
        Some(digits) => (digits, MIB),
        None => (text.strip_suffix('G')?, 1024 * MIB),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse::<u32>().ok().filter(|_| is_number).map(|number| u64::from(number) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_digits_and_a_unit() {
        assert_eq!(bytes("500M"), Some(500 * MIB));
        assert_eq!(bytes("4294967295G"), Some(4_294_967_295 * 1024 * MIB));
        for wrong in
            ["", "M", "0G", "05M", "+5M", "-5M", "5", "5T", "5 G", "5g", "4294967296M", "5MG", "\u{665}M"]
        {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
