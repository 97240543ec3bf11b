//! The wording of what can be wrong with a user-data.

use super::Platform;
use super::size::SizeShare;
use crate::document::Finding;

/// A text that fits in no form; `largest` is what the organiser can make smaller.
#[must_use]
pub fn too_large(title: &str, bytes: usize, platform: Platform, largest: &[SizeShare]) -> Finding {
    let parts: Vec<String> =
        largest.iter().take(3).map(|share| format!("{} ({} bytes)", share.place, share.bytes)).collect();
    let advice = "write users as ranges, let `materials` fetch large files, or select a platform that accepts more, as with \
                  `--for nova`";
    Finding::error(
        format!(
            "the user-data of {title} takes {bytes} bytes in its smallest form, and {} takes {}",
            platform.title(),
            platform.limit()
        ),
        if parts.is_empty() {
            advice.to_owned()
        } else {
            format!("the largest parts: {}; {advice}", parts.join(", "))
        },
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
        format!("`{name}` is not user-data that can be compared: {reason}"),
        "name a file with what `imagegen hub` or `imagegen node` printed, or what Horizon shows as the instance's user-data",
    )
}
