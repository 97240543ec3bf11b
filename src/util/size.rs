//! Sizes for people.

/// A number of bytes for a person.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];
    let step = bytes.checked_ilog2().map_or(0, |bits| (bits / 10).min(3));
    match step {
        0 => format!("{bytes} bytes"),
        step => format!("{:.1} {}", bytes as f64 / f64::from(1 << (10 * step)), UNITS[step as usize]),
    }
}
