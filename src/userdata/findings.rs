//! The wording of what can be wrong with a user-data.

use super::{Budget, Rendered};
use crate::document::Finding;

/// A text that fits in no form.
#[must_use]
pub fn too_large(title: &str, rendered: &Rendered, budget: Budget) -> Finding {
    let largest: Vec<String> =
        rendered.parts.iter().take(3).map(|part| format!("{} ({} bytes)", part.name, part.bytes)).collect();
    Finding::error(
        format!(
            "the user-data of {title} has {} bytes even when it is compressed, and {} takes {}",
            rendered.text.len(),
            budget.title(),
            budget.limit()
        ),
        format!(
            "make the largest parts smaller: {}; write users as ranges, take files out of the workshop, or launch by a \
             way that takes more, with `--for nova`",
            largest.join(", ")
        ),
    )
}

/// A text that cloud-init would not take; the fault is imagegen's, or an extra file's.
#[must_use]
pub fn not_acceptable(faults: &[String]) -> Finding {
    Finding::error(
        format!("cloud-init would not accept this user-data: {}", faults.join("; ")),
        "please report this with your workshop file, without its secrets",
    )
}

/// A text to compare with that is none of ours.
#[must_use]
pub fn not_userdata(name: &str, reason: &str) -> Finding {
    Finding::error(
        format!("`{name}` is no user-data that can be compared: {reason}"),
        "name a file with what `imagegen hub` or `imagegen node` printed, or what Horizon shows as the instance's user-data",
    )
}
