//! Paths that stay inside the image.

/// Whether a path stays inside the image: relative, and without `..`.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}
