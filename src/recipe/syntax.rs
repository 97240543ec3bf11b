//! What names look like to Debian and systemd.

/// Debian policy 5.6.1: lower-case letters, digits, `+-.`, at least two of them, no sign first.
pub(super) fn is_package(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    name.len() >= 2
        && name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Small letters, digits and dashes.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// systemd.unit(5): a name, one dot, one of the known kinds.
pub(super) fn is_unit(name: &str) -> bool {
    const KINDS: [&str; 7] = ["service", "socket", "timer", "target", "path", "mount", "automount"];
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    name.chars().all(allowed)
        && name.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && KINDS.contains(&kind))
}
