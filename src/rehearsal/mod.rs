//! Room: rehearsal.
