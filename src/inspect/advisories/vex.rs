//! A VEX document (openvex.dev/ns/v0.2.0) on what does not apply to an image.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Applicability, Assessment, Installed};
use crate::util::hex;

/// The document, as of a time in seconds since 1970.
#[must_use]
pub fn document(installed: &Installed, verdicts: &[Assessment], time: u64) -> String {
    let statements: Vec<Json> = verdicts.iter().filter_map(|verdict| statement(installed, verdict)).collect();
    let time = OffsetDateTime::from_unix_timestamp(time.try_into().unwrap_or_default());
    let time = time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
    let name = Sha256::new_with_prefix(&time).chain_update(format!("{statements:?}")).finalize();
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": format!("https://openvex.dev/docs/public/vex-{}", hex(&name)),
        "author": "imagegen",
        "timestamp": time,
        "version": 1,
        "tooling": concat!("imagegen ", env!("CARGO_PKG_VERSION")),
        "statements": statements,
    });
    format!("{document:#}\n")
}

fn statement(installed: &Installed, verdict: &Assessment) -> Option<Json> {
    let Assessment { id, source, version, outcome, .. } = verdict;
    let product = format!(
        "pkg:deb/{}/{}@{}?arch=source&distro={}-{}",
        installed.id,
        encoded(source),
        encoded(version),
        installed.id,
        installed.version
    );
    let mut statement = json!({ "vulnerability": { "name": id }, "products": [{ "@id": product }] });
    match outcome {
        Applicability::Affected(_) => return None,
        Applicability::Fixed => statement["status"] = json!("fixed"),
        Applicability::NotAffected => {
            statement["status"] = json!("not_affected");
            statement["justification"] = json!("vulnerable_code_not_present");
        }
    }
    Some(statement)
}

/// In package URLs, all but letters, digits and these stand in per cent; the colon stays too.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte);
    let letter = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(letter).collect()
}
