//! Which imagegen this is.

/// The version, and the commit that it was built from where that is known: see `.cargo/commit.rs`.
pub const VERSION: &str = if env!("IMAGEGEN_COMMIT").is_empty() {
    env!("CARGO_PKG_VERSION")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("IMAGEGEN_COMMIT"), ")")
};
