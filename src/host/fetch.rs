//! Downloads: goes on where the connection broke, also in another run, as long as the server still has the same file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{StatusCode, Url};
use rustix::fs::{FlockOperation, flock};

use super::signals;
use crate::failure::{Failure, Result};

/// How often a download is begun again after attempts that brought nothing; one that brought something starts the count
/// anew.
const ATTEMPTS: u32 = 6;
/// How long to wait after the first of them; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a server may take to answer, or to send the next piece.
const PATIENCE: Duration = Duration::from_secs(30);
const BUFFER: usize = 1 << 18;

/// What is told while a download goes on: bytes so far, and bytes in all where the server says.
pub type Tell<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// A small file, of at most `limit` bytes.
pub fn small(url: &str, limit: u64) -> Result<Vec<u8>> {
    if let Some(path) = local(url) {
        let mut bytes = vec![];
        fs_err::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    let client = client()?;
    persist(url, |_| {
        let mut bytes = vec![];
        let response = expect(client.get(url).send().map_err(broken)?)?;
        response.take(limit + 1).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 > limit {
            return Err(Trouble::Final(anyhow!("it has more than {limit} bytes").into()));
        }
        Ok(bytes)
    })
}

/// The path of a `file:` URL.
#[must_use]
pub fn local(url: &str) -> Option<PathBuf> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

/// A whole file that nobody else downloads into as long as this is held.
#[derive(Debug)]
pub struct Downloaded {
    path: PathBuf,
    _lock: File,
}

impl Downloaded {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it away.
    pub fn remove(self) -> Result<()> {
        let _ = fs_err::remove_file(version_note(&self.path));
        Ok(fs_err::remove_file(&self.path)?)
    }
}

/// Downloads into the file `target`. What an earlier run left in it is gone on from.
pub fn to_file(url: &str, target: &Path, tell: Tell<'_>) -> Result<Downloaded> {
    let client = client()?;
    let mut file = open_alone(target)?;
    persist(url, |progressed| attempt(&client, url, target, &mut file, tell, progressed))?;
    file.sync_all()?;
    Ok(Downloaded { path: target.to_owned(), _lock: file })
}

/// Waits for another imagegen that is at the same file, which may take it away in the end.
fn open_alone(target: &Path) -> Result<File> {
    loop {
        let options = fs_err::OpenOptions::new().create(true).truncate(false).read(true).write(true).clone();
        let file = options.open(target)?.into_parts().0;
        flock(&file, FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
        if fs_err::metadata(target).is_ok_and(|there| file.metadata().is_ok_and(|ours| there.ino() == ours.ino())) {
            return Ok(file);
        }
    }
}

/// Where it is noted which version of the file a partial download is of.
fn version_note(target: &Path) -> PathBuf {
    target.with_extension("version")
}

/// Why an attempt failed.
enum Trouble {
    /// It may go better the next time.
    Passing(anyhow::Error),
    /// It will not.
    Final(Failure),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Final(error.into())
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

fn broken(error: impl Into<anyhow::Error>) -> Trouble {
    Trouble::Passing(error.into())
}

fn client() -> Result<Client> {
    // Fails where it was done already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(PATIENCE).connect_timeout(PATIENCE);
    let agent = concat!("imagegen/", env!("CARGO_PKG_VERSION"));
    Ok(client.user_agent(agent).build().context("setting up HTTPS")?)
}

/// Tries again and again, after pauses that grow. `attempt` says by its argument that it has got on.
fn persist<T>(url: &str, mut attempt: impl FnMut(&mut bool) -> Result<T, Trouble>) -> Result<T> {
    let mut vain = 0;
    loop {
        signals::check()?;
        let mut progressed = false;
        match attempt(&mut progressed) {
            Ok(result) => return Ok(result),
            Err(Trouble::Final(Failure::Work(error))) => {
                return Err(error.context(format!("downloading {url}")).into());
            }
            Err(Trouble::Final(failure)) => return Err(failure),
            Err(Trouble::Passing(error)) => {
                vain = if progressed { 1 } else { vain + 1 };
                if vain >= ATTEMPTS {
                    let what = format!("downloading {url}, after {ATTEMPTS} attempts");
                    return Err(error.context(what).into());
                }
                signals::sleep(PAUSE * 2_u32.pow(vain - 1))?;
            }
        }
    }
}

fn attempt(
    client: &Client,
    url: &str,
    target: &Path,
    file: &mut File,
    tell: Tell<'_>,
    progressed: &mut bool,
) -> Result<(), Trouble> {
    let have = file.seek(SeekFrom::End(0))?;
    let version = fs_err::read_to_string(version_note(target)).ok();
    let mut request = client.get(url);
    if let Some(version) = version.filter(|_| have > 0) {
        request = request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, version);
    }
    let response = request.send().map_err(broken)?;
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        if content_range(&response).is_some_and(|range| range == format!("bytes */{have}")) {
            return Ok(());
        }
        start_over(target, file, &HeaderMap::new())?;
        return Err(broken(anyhow!("the server has no more than {have} bytes of it")));
    }
    let response = expect(response)?;
    let start = if continues(&response, have) { have } else { 0 };
    if start == 0 {
        start_over(target, file, response.headers())?;
    }
    let total = response.content_length().map(|left| start + left);
    receive(response, file, start, total, tell, progressed)
}

/// Forgets what is in the file, and notes which version is going to be.
fn start_over(target: &Path, file: &mut File, headers: &HeaderMap) -> Result<(), Trouble> {
    file.set_len(0)?;
    file.rewind()?;
    match version(headers) {
        Some(version) => fs_err::write(version_note(target), version)?,
        None => drop(fs_err::remove_file(version_note(target))),
    }
    Ok(())
}

/// What `If-Range` takes: a strong entity tag, or else a date (RFC 9110, section 13.1.5).
fn version(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}

/// Whether what comes now goes behind what is here.
fn continues(response: &Response, have: u64) -> bool {
    let begins = content_range(response).is_some_and(|range| range.starts_with(&format!("bytes {have}-")));
    response.status() == StatusCode::PARTIAL_CONTENT && begins
}

fn content_range(response: &Response) -> Option<&str> {
    response.headers().get(CONTENT_RANGE)?.to_str().ok()
}

fn expect(response: Response) -> Result<Response, Trouble> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let error = anyhow!("the server answers {status}");
    let passing = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    Err(if passing { Trouble::Passing(error) } else { Trouble::Final(error.into()) })
}

fn receive(
    mut response: Response,
    file: &mut File,
    start: u64,
    total: Option<u64>,
    tell: Tell<'_>,
    progressed: &mut bool,
) -> Result<(), Trouble> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = start;
    loop {
        signals::check()?;
        tell(bytes, total);
        match response.read(&mut buffer).map_err(broken)? {
            0 if total.is_some_and(|total| bytes < total) => {
                return Err(broken(anyhow!("the connection ended after {bytes} bytes")));
            }
            0 => return Ok(()),
            read => {
                file.write_all(&buffer[..read])?;
                bytes += read as u64;
                *progressed = true;
            }
        }
    }
}
