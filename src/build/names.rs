//! The names in a tar: bytes, which need not be text, and of any length.

use std::fmt::Write;

/// Why a name is none that an entry of a tar may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It leads upwards.
    Upwards,
    /// It has a zero byte in it, where one program ends it and another goes on.
    Zero,
}

/// A name as the plan writes it: `usr/bin/env`, whatever slashes and dots are around it. The root has an empty one.
pub(super) fn clean(name: &[u8]) -> Result<Vec<u8>, Unfit> {
    let parts: Vec<&[u8]> =
        name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if name.contains(&0) {
        return Err(Unfit::Zero);
    }
    if parts.contains(&b"..".as_slice()) {
        return Err(Unfit::Upwards);
    }
    Ok(parts.join(&b'/'))
}

/// The folders that a clean name leads through, from the outermost.
pub(super) fn folders_on(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &name[..end])
}

/// One name below another.
pub(super) fn below(folder: &str, name: &[u8]) -> Vec<u8> {
    [folder.as_bytes(), name].join(&b'/')
}

/// A name as text; bytes that are none are escaped, so that two names never look the same.
pub(super) fn shown(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A name as it stands in findings, where a line's end in it would end the line.
pub(super) fn quoted(name: &[u8]) -> String {
    shown(name)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// A name to look for one that is known; what is unfit for a name is none.
pub(super) fn relative(name: &[u8]) -> String {
    clean(name).map(|name| shown(&name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_clean_or_unfit() {
        for (name, wanted) in [
            (&b"./usr/bin/env"[..], Ok(&b"usr/bin/env"[..])),
            (b"/usr//bin/./env/", Ok(b"usr/bin/env")),
            (b"./", Ok(b"")),
            (b"a\xff/b", Ok(b"a\xff/b")),
            (b"..a/b..", Ok(b"..a/b..")),
            (b"./../x", Err(Unfit::Upwards)),
            (b"a/..", Err(Unfit::Upwards)),
            (b"a\0/b", Err(Unfit::Zero)),
        ] {
            assert_eq!(clean(name), wanted.map(<[u8]>::to_vec), "{}", shown(name));
        }
    }

    #[test]
    fn names_that_are_no_text_are_told_apart() {
        assert_eq!(shown(b"caf\xe9/\xc3\xa9"), "caf\\xe9/é");
        assert_ne!(shown(b"\xe9"), shown(b"\xe8"));
        assert_eq!(quoted(b"a\nb"), "a\\nb");
    }

    #[test]
    fn folders_are_those_above() {
        assert_eq!(folders_on(b"a/b/c").collect::<Vec<_>>(), [&b"a"[..], b"a/b"]);
        assert_eq!(folders_on(b"a").count(), 0);
    }
}
