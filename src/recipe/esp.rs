//! What is on the EFI system partition: the file `usr/lib/imagegen/esp.list` of an overlay. The build fills the
//! partition by it, and an instance keeps it up to date by the same list (images/base/usr/lib/imagegen/esp.sh).

use super::inside::is_inside;
use std::sync::Arc;

use serde::Serialize;

use super::{Catalogue, findings};
use crate::document::{Findings, Source};

/// The list's path in an image.
const LIST: &str = "usr/lib/imagegen/esp.list";

/// A file on the EFI system partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EspFile {
    /// Its path there.
    pub place: String,
    /// The file of the image that it is a copy of, without a leading slash.
    pub source: String,
}

/// Reads the list in the overlay of the recipe `name`, where there is one.
pub(super) fn read(catalogue: &Catalogue, name: &str, findings: &mut Findings) -> Option<Vec<EspFile>> {
    let source = catalogue.source(&format!("{name}/{LIST}"))?;
    let mut files = vec![];
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let text = line.trim_end();
        if !text.is_empty() && !text.starts_with('#') {
            match file(text) {
                Some(file) => files.push(file),
                None => findings.push(not_a_file(&source, start, text)),
            }
        }
        start += line.len();
    }
    Some(files)
}

/// Two words: the script in the image splits at spaces.
fn file(line: &str) -> Option<EspFile> {
    let (place, source) = line.split_once(' ')?;
    let source = source.strip_prefix('/')?;
    let sound = [place, source].iter().all(|path| is_inside(path) && !path.contains(char::is_whitespace));
    sound.then(|| EspFile { place: place.to_owned(), source: source.to_owned() })
}

fn not_a_file(source: &Arc<Source>, start: usize, line: &str) -> crate::document::Finding {
    findings::not_on_the_esp(source, line, start..start + line.len())
}
