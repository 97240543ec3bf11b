//! The one integration crate: what users see, by the built binary.
