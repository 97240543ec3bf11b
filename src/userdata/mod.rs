//! Room: userdata.
