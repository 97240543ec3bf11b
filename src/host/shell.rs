//! Words for a POSIX shell.

/// One word, quoted for a POSIX shell.
#[must_use]
pub fn quote(word: &str) -> String {
    // A NUL byte cannot stand in any argument; the kernel refuses such a word, so its quoting does not matter.
    shlex::try_quote(word).map_or_else(|_| word.escape_debug().to_string(), std::borrow::Cow::into_owned)
}
