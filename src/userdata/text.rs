//! Cloud-config → text, in the most readable form that fits.

use crate::util::debug_only;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libdeflater::{CompressionLvl, Compressor};
use sha2::{Digest, Sha256};

use super::config::{CloudConfig, WriteFile};
use super::table::Style;
use super::{Platform, paths};
use crate::failure::Result;

/// User-data, and how it came to be.
#[derive(Clone)]
pub struct Rendered {
    /// What is pasted.
    pub text: String,
    /// How readable it is.
    pub encoding: Encoding,
    /// What is in it, the largest first.
    pub parts: Vec<Part>,
}

debug_only!(Rendered { encoding, parts });

/// How readable a text is. Each form is tried when the one before is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// All of it is plain.
    Plain,
    /// The largest files are compressed, each by itself.
    PerFileGzip,
    /// A MIME message around a compressed cloud-config: the one form of compression that every cloud-init since 20.4
    /// takes as pasted text.
    MimeGzip,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// A file's path, or what else it is.
    pub name: String,
    /// Bytes of its content.
    pub bytes: usize,
    /// Bytes that it takes in the text; in a compressed whole, its share of it.
    pub taken: usize,
}

/// A compressed file's encoding, by the name that all versions know.
const GZIP: &str = "gz+b64";

/// Shorter files hardly shrink, in bytes.
const WORTH_COMPRESSING: usize = 600;

/// What a multipart-aware cloud-init needs to hear before base64 of gzip. No line may stand above it.
const MIME_HEADERS: &str =
    "Content-Type: application/gzip\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n";

/// The text of user-data below its heading, in the most readable form that fits; where none does, in the smallest one. `styled` gives the
/// cloud-config with the UID table in a style.
pub(super) fn render(
    heading: &str,
    styled: impl Fn(Style) -> Result<CloudConfig>,
    platform: Platform,
) -> Result<Rendered> {
    let mut smallest: Option<Rendered> = None;
    for form in [render_plain, render_packed, render_per_file_gzip, render_mime_gzip] {
        let rendered = form(heading, &styled, platform)?;
        if rendered.text.len() <= platform.limit() {
            return Ok(rendered);
        }
        if smallest.as_ref().is_none_or(|smallest| rendered.text.len() < smallest.text.len()) {
            smallest = Some(rendered);
        }
    }
    Ok(smallest.context("a text has a form")?)
}

type Styled<'a> = &'a dyn Fn(Style) -> Result<CloudConfig>;

fn render_plain(heading: &str, styled: Styled<'_>, _: Platform) -> Result<Rendered> {
    plain(heading, &styled(Style::Lines)?)
}

/// With the UID table packed.
fn render_packed(heading: &str, styled: Styled<'_>, _: Platform) -> Result<Rendered> {
    plain(heading, &styled(Style::Packed)?)
}

fn plain(heading: &str, config: &CloudConfig) -> Result<Rendered> {
    Ok(rendered(Encoding::Plain, body(heading, config)?, config, &sizes(config)))
}

/// With the largest files compressed too.
fn render_per_file_gzip(heading: &str, styled: Styled<'_>, platform: Platform) -> Result<Rendered> {
    let config = styled(Style::Packed)?;
    let sizes = sizes(&config);
    let (config, text) = singly(heading, config, platform)?;
    Ok(rendered(Encoding::PerFileGzip, text, &config, &sizes))
}

/// Compressed as a whole, with the table in the style that compresses best.
fn render_mime_gzip(heading: &str, styled: Styled<'_>, _: Platform) -> Result<Rendered> {
    let config = styled(Style::Dense)?;
    Ok(rendered(Encoding::MimeGzip, whole(&body(heading, &config)?), &config, &sizes(&config)))
}

/// The bytes of each file before any compression.
fn sizes(config: &CloudConfig) -> Vec<usize> {
    config.write_files.iter().map(|file| file.content.len()).collect()
}

/// The files are written by hand and not by the serializer: with one space of indentation and blocks for whatever a block
/// can hold, the text is a tenth shorter and as good to read.
fn body(heading: &str, config: &CloudConfig) -> Result<String> {
    let CloudConfig { write_files, .. } = config;
    let rest = CloudConfig { write_files: vec![], ..config.clone() };
    let rest = serde_yaml::to_string(&rest).context("writing cloud-config")?;
    let files: String = write_files.iter().map(file).collect();
    let text = format!(
        "#cloud-config\n# {}. Made by imagegen; it holds secrets.\n{rest}write_files:\n{files}",
        capitalised(heading)
    );
    // An ordinary image has nothing that would look.
    let stock = write_files.iter().any(|file| file.path == paths::STOCK_ARCHIVE);
    Ok(if stock { text } else { closed(&text, write_files.len()) })
}

/// How many bytes of the hash stand in the last line.
const HASHED: usize = 8;

/// The text with a last line by which a golden image sees what was cut off or has changed on the way. The line has this
/// form in all levels, so that no image takes a text that is too new for it for one that is spoiled.
fn closed(text: &str, files: usize) -> String {
    let digest = crate::util::hex(&Sha256::digest(text)[..HASHED]);
    format!("{text}# imagegen: end of {files} files, sha256 {digest}\n")
}

fn file(file: &WriteFile) -> String {
    let path = scalar(&file.path);
    let permissions = file.permissions.as_ref().map(|mode| format!("  permissions: {}\n", quoted(mode)));
    let content = match file.encoding {
        Some(encoding) => format!("  encoding: {encoding}\n  content: {}\n", quoted(&file.content)),
        None => format!("  content: |\n{}", indented(&file.content)),
    };
    format!("- path: {path}\n{}{content}", permissions.unwrap_or_default())
}

/// With as little indentation as a block may have in there; blank lines need none.
fn indented(text: &str) -> String {
    let indent = |line: &'_ str| if line == "\n" { "" } else { "   " };
    text.split_inclusive('\n').flat_map(|line| [indent(line), line]).collect()
}

/// A path as it is, where nobody could take it for anything else.
fn scalar(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.starts_with('/') && path.chars().all(plain) { path.to_owned() } else { quoted(path) }
}

/// A JSON string, which is a double-quoted scalar in YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Compresses one file after the other, the longest first, until the text fits or no file is left.
fn singly(heading: &str, mut config: CloudConfig, platform: Platform) -> Result<(CloudConfig, String)> {
    loop {
        let text = body(heading, &config)?;
        let plain = config.write_files.iter_mut().filter(|file| file.encoding != Some(GZIP));
        match plain.max_by_key(|file| file.content.len()) {
            Some(file) if text.len() > platform.limit() && file.content.len() > WORTH_COMPRESSING => {
                compress(file);
            }
            _ => return Ok((config, text)),
        }
    }
}

fn compress(file: &mut WriteFile) {
    let content = match file.encoding {
        Some(_) => STANDARD.decode(&file.content).unwrap_or_default(),
        None => std::mem::take(&mut file.content).into_bytes(),
    };
    file.content = STANDARD.encode(gzip(&content));
    file.encoding = Some(GZIP);
}

fn whole(plain: &str) -> String {
    let packed: Vec<u8> =
        split_at_long_fields(plain).into_iter().flat_map(|piece| gzip(piece.as_bytes())).collect();
    format!("{MIME_HEADERS}{}\n", STANDARD.encode(packed))
}

/// A field of so many bytes is worth a code of its own.
const LONG: usize = 1500;

/// The text in pieces, so that each very long field is one: thousands of numbers or names are like nothing around them,
/// and each piece becomes a member of its own in the gzip file (RFC 1952, 2.2), with its own Huffman codes.
fn split_at_long_fields(text: &str) -> Vec<&str> {
    let mut pieces = vec![];
    let (mut start, mut at) = (0, 0);
    for field in text.split_inclusive(['\t', '\n']) {
        if field.len() > LONG {
            pieces.extend([&text[start..at], field]);
            start = at + field.len();
        }
        at += field.len();
    }
    pieces.push(&text[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// gzip without a time or a name in its header, so that the same text gives the same bytes.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    // The bound is what the library needs at most, so that the buffer cannot be too small.
    let length = compressor.gzip_compress(bytes, &mut packed).unwrap_or_default();
    packed.truncate(length);
    packed
}

fn rendered(encoding: Encoding, text: String, config: &CloudConfig, sizes: &[usize]) -> Rendered {
    let mut parts: Vec<Part> =
        config.write_files.iter().zip(sizes).map(|(file, bytes)| part(encoding, file, *bytes)).collect();
    let files: usize = parts.iter().map(|part| part.taken).sum();
    if encoding == Encoding::MimeGzip {
        // How much of a compressed whole is whose cannot be said; by what each would take alone it is a fair guess.
        for part in &mut parts {
            part.taken = part.taken * text.len() / files.max(1);
        }
    } else {
        let rest = text.len().saturating_sub(files);
        parts.push(Part { name: "everything else".into(), bytes: rest, taken: rest });
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.taken));
    Rendered { text, encoding, parts }
}

fn part(encoding: Encoding, entry: &WriteFile, bytes: usize) -> Part {
    let taken = match encoding {
        Encoding::MimeGzip => gzip(entry.content.as_bytes()).len(),
        _ => file(entry).len(),
    };
    Part { name: entry.path.clone(), bytes, taken }
}
