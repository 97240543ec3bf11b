//! User-data → the files in it: what cloud-init does, for texts of our own.

use crate::util::debug_only;
use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;

use super::{paths, stock};

/// Larger than any text that a cloud takes could unpack to in earnest.
const LARGEST: u64 = 64 << 20;

/// What is not a file, under this name.
pub(super) const REST: &str = "cloud-config";

/// A file as it comes out of a text.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub(super) content: String,
    /// Whether root alone may read it.
    pub(super) private: bool,
}

debug_only!(FoundFile { private });

/// The files of a text by their paths, and what else it says under [`REST`].
pub(super) fn files(text: &str) -> Result<BTreeMap<String, FoundFile>, String> {
    let text = unwrapped(text)?;
    if !text.starts_with("#cloud-config") {
        return Err("it does not begin with `#cloud-config`".into());
    }
    let mut config: Json =
        serde_yaml::from_str(&text).map_err(|error| error.without_snippet().to_string())?;
    let written = config.as_object_mut().and_then(|keys| keys.remove("write_files"));
    let written = written.as_ref().and_then(Json::as_array).ok_or("it writes no files")?;
    let mut files: BTreeMap<String, FoundFile> = written.iter().map(file).collect::<Result<_, _>>()?;
    if let Some(archive) = files.remove(paths::STOCK_ARCHIVE) {
        files.extend(stock::files(&archive.content)?.into_iter().map(|file| {
            let private = file.mode.ends_with("00");
            (file.path, FoundFile { content: file.content, private })
        }));
    }
    let rest = serde_yaml::to_string(&config).map_err(|error| error.to_string())?;
    files.insert(REST.to_owned(), FoundFile { content: rest, private: false });
    Ok(files)
}

/// The cloud-config within a MIME message; any other text is one itself.
fn unwrapped(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    let headers = text.split("\n\n").next().unwrap_or_default();
    if !headers.to_lowercase().contains("mime-version:") {
        return Ok(text);
    }
    let body: String = text[headers.len()..].split_whitespace().collect();
    unpacked(&body)
}

fn file(entry: &Json) -> Result<(String, FoundFile), String> {
    let field = |key: &str| entry[key].as_str().unwrap_or_default();
    let content = match field("encoding") {
        "gz+b64" => unpacked(field("content"))?,
        "b64" => text(STANDARD.decode(field("content")).map_err(|error| error.to_string())?),
        _ => field("content").to_owned(),
    };
    Ok((field("path").to_owned(), FoundFile { content, private: field("permissions").ends_with("00") }))
}

/// Base64 of gzip, as text.
fn unpacked(body: &str) -> Result<String, String> {
    let packed = STANDARD.decode(body).map_err(|error| error.to_string())?;
    let mut bytes = vec![];
    let mut reader = MultiGzDecoder::new(packed.as_slice()).take(LARGEST);
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(text(bytes))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
