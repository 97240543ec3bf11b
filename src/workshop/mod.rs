//! Room: workshop.
