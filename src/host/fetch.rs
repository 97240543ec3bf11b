//! Downloads: goes on where the connection broke, also in another run, as long as the server still has the same file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{StatusCode, Url};

use super::{lock, signals};
use crate::failure::{Failure, Result};

/// How often a download is begun again after attempts that brought nothing; one that brought something starts the count
/// anew.
const ATTEMPTS: u32 = 6;
/// How long to wait after the first of them; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a server may take to answer, or to send the next piece.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const BUFFER: usize = 1 << 18;
/// The ending of the note which version of a file a partial download is of.
pub const VERSION_NOTE: &str = ".version";

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
        if lock::claim(&file)? && lock::is_at(&file, target)? {
            return Ok(file);
        }
        signals::sleep(PAUSE)?;
    }
}

/// Where it is noted which version of the file a partial download is of.
fn version_note(target: &Path) -> PathBuf {
    target.with_extension(VERSION_NOTE.trim_start_matches('.'))
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
    let client = Client::builder().timeout(READ_TIMEOUT).connect_timeout(READ_TIMEOUT);
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A server of one file, which answers each request by the next of its ways, and the last for all further ones.
    struct Server {
        url: String,
        asked: Arc<Mutex<Vec<String>>>,
    }

    #[derive(Clone, Copy)]
    enum Way {
        /// The rest from the range on, and all of it.
        Whole,
        /// The same, and broken off after so many bytes.
        Broken(usize),
        /// Whole, as if ranges were unknown.
        NoRanges,
        /// An error.
        Status(u16),
    }

    fn serve(content: &'static [u8], tag: &'static str, ways: Vec<Way>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a.img", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(vec![]));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let way = ways[number.min(ways.len() - 1)];
                let _ = answer(stream.unwrap(), content, tag, way, &noted);
            }
        });
        Server { url, asked }
    }

    fn answer(
        mut stream: TcpStream,
        content: &[u8],
        tag: &str,
        way: Way,
        asked: &Mutex<Vec<String>>,
    ) -> std::io::Result<()> {
        let lines = BufReader::new(stream.try_clone()?).lines().map_while(std::result::Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let header = |name: &str| {
            head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
        };
        let range = header("range").filter(|_| header("if-range").as_deref() == Some(tag));
        asked.lock().unwrap().push(range.clone().unwrap_or_default());
        let start = range.and_then(|range| range[6..].trim_end_matches('-').parse().ok()).unwrap_or(0);
        let start = if matches!(way, Way::NoRanges) { 0 } else { start };
        let total = content.len();
        let (status, length) = match way {
            Way::Status(status) => (status, 0),
            _ if start >= total => (416, 0),
            _ => (if start > 0 { 206 } else { 200 }, total - start),
        };
        let place =
            if status == 416 { format!("*/{total}") } else { format!("{start}-{}/{total}", total - 1) };
        let range = if [206, 416].contains(&status) {
            format!("Content-Range: bytes {place}\r\n")
        } else {
            String::new()
        };
        write!(
            stream,
            "HTTP/1.1 {status} It\r\nETag: {tag}\r\nContent-Length: {length}\r\n{range}Connection: close\r\n\r\n"
        )?;
        let end = if let Way::Broken(bytes) = way { start + bytes } else { total };
        if length > 0 { stream.write_all(&content[start..end]) } else { Ok(()) }
    }

    const CONTENT: &[u8] = b"0123456789";

    fn download(server: &Server, target: &Path) -> Result<String> {
        let downloaded = to_file(&server.url, target, &mut |_, _| {})?;
        Ok(fs_err::read_to_string(downloaded.path())?)
    }

    fn asked(server: &Server) -> Vec<String> {
        server.asked.lock().unwrap().clone()
    }

    #[test]
    fn a_connection_that_breaks_is_gone_on_with_where_it_broke() {
        let folder = tempfile::tempdir().unwrap();
        let server =
            serve(CONTENT, "\"1\"", vec![Way::Broken(4), Way::Status(503), Way::Broken(3), Way::Whole]);
        assert_eq!(download(&server, &folder.path().join("a.part")).unwrap(), "0123456789");
        assert_eq!(asked(&server), ["", "bytes=4-", "bytes=4-", "bytes=7-"]);
    }

    #[test]
    fn what_an_earlier_run_left_is_used_unless_the_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.part");
        for (tag, expected) in [("\"1\"", "abcd456789"), ("\"2\"", "0123456789")] {
            fs_err::write(&target, "abcd").unwrap();
            fs_err::write(version_note(&target), "\"1\"").unwrap();
            let server = serve(CONTENT, tag, vec![Way::Whole]);
            assert_eq!(download(&server, &target).unwrap(), expected, "{tag}");
        }
    }

    #[test]
    fn a_server_that_knows_no_ranges_sends_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(CONTENT, "\"1\"", vec![Way::Broken(4), Way::NoRanges]);
        assert_eq!(download(&server, &folder.path().join("a.part")).unwrap(), "0123456789");
    }

    #[test]
    fn a_whole_file_of_an_earlier_run_is_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.part");
        fs_err::write(&target, CONTENT).unwrap();
        fs_err::write(version_note(&target), "\"1\"").unwrap();
        let server = serve(CONTENT, "\"1\"", vec![Way::Whole]);
        assert_eq!(download(&server, &target).unwrap(), "0123456789");
        assert_eq!(asked(&server), ["bytes=10-"]);
    }

    #[test]
    fn what_will_never_come_fails_at_once_and_what_may_come_after_some_attempts() {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(CONTENT, "", vec![Way::Status(404)]);
        let failure = download(&server, &folder.path().join("a.part")).unwrap_err().to_string();
        assert!(failure.contains("404"), "{failure}");
        assert_eq!(asked(&server).len(), 1);
        let server = serve(CONTENT, "", vec![Way::Status(503)]);
        assert!(small(&server.url, 100).unwrap_err().to_string().contains("after 6 attempts"));
        assert_eq!(asked(&server).len(), 6);
    }

    #[test]
    fn a_removed_download_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(CONTENT, "\"1\"", vec![Way::Whole]);
        let target = folder.path().join("a.part");
        to_file(&server.url, &target, &mut |_, _| {}).unwrap().remove().unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}
