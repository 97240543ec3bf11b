//! Ages and sizes as people type them: a number and a unit.

const AGES: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
/// In powers of 1024, as sizes are shown.
const SIZES: [(char, u64); 4] = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];

/// An age in seconds.
pub(super) fn age(text: &str) -> Result<u64, String> {
    number(text, &AGES).ok_or_else(|| "an age is a number with s, m, h, d or w, such as 7d".to_owned())
}

/// A size in bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    number(text, &SIZES).ok_or_else(|| "a size is a number with K, M, G or T, such as 5G".to_owned())
}

fn number(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let (unit, factor) = units.iter().find(|(unit, _)| text.ends_with(*unit))?;
    text.strip_suffix(*unit)?.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        assert_eq!(age("90m"), Ok(5400));
        assert_eq!(size("5G"), Ok(5 << 30));
        for wrong in ["", "5", "G", "-1G", "1.5G", "99999999999T", "7 d"] {
            assert!(size(wrong).is_err() && age(wrong).is_err(), "{wrong}");
        }
    }
}
