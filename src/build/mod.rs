//! Room: build.
