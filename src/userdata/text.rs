//! Files → cloud-config.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use std::io::Write;

use super::HORIZON_LIMIT;
use super::files::File;
use crate::failure::Result;

#[derive(Serialize)]
struct CloudConfig {
    write_files: Vec<WriteFile>,
    runcmd: [&'static [&'static str]; 3],
}

#[derive(Serialize)]
struct WriteFile {
    path: String,
    /// Quoted in YAML: as a number cloud-init would take it for a decimal one.
    permissions: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    content: String,
}

/// Each as a list, which cloud-init passes on without a shell. Nothing here waits: a blocking start from cloud-init's
/// last stage would wait for units that wait for it.
const RUN: [&[&str]; 3] = [
    &["systemctl", "daemon-reload"],
    &["systemctl", "enable", "imagegen.target"],
    &["systemctl", "start", "--no-block", "imagegen.target"],
];

/// The text of user-data with these files. It stays plain while it fits into Horizon's box; then the longest files are
/// compressed one by one until it does.
pub(super) fn render(title: &str, files: Vec<File>) -> Result<String> {
    let mut files: Vec<WriteFile> = files.into_iter().map(plain).collect();
    loop {
        let config = CloudConfig { write_files: files, runcmd: RUN };
        let body = serde_yaml::to_string(&config).context("writing cloud-config")?;
        let text = format!("#cloud-config\n# {title}. Made by imagegen; it holds secrets.\n{body}");
        files = config.write_files;
        let longest =
            files.iter_mut().filter(|file| file.encoding.is_none()).max_by_key(|file| file.content.len());
        match longest {
            Some(file) if text.len() > HORIZON_LIMIT && file.content.len() > WORTH_COMPRESSING => {
                compress(file)?;
            }
            _ => return Ok(text),
        }
    }
}

/// Shorter files hardly shrink, in bytes.
const WORTH_COMPRESSING: usize = 600;

fn plain(file: File) -> WriteFile {
    let permissions = if file.private { "0600" } else { "0644" };
    // cloud-init reads the text as UTF-8, but clouds are known to pass on ASCII alone unharmed.
    let ascii = file.content.is_ascii();
    let content = if ascii { file.content } else { STANDARD.encode(file.content) };
    WriteFile { path: file.path, permissions, encoding: (!ascii).then_some("b64"), content }
}

/// Without a time in its header, gzip gives the same bytes each time.
fn compress(file: &mut WriteFile) -> Result<()> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(file.content.as_bytes())?;
    file.content = STANDARD.encode(gzip.finish()?);
    file.encoding = Some("gz+b64");
    Ok(())
}
