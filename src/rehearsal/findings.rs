//! The wording of what keeps a rehearsal from starting.

use std::path::Path;

use crate::document::Finding;

/// There is no image to boot.
#[must_use]
pub fn no_image(path: &Path) -> Finding {
    Finding::error(
        format!("there is no image `{}`", path.display()),
        "build it with `imagegen build all`, or name the folder that has it with `--images`",
    )
}
