//! An HTTP proxy on the loopback interface, through which a bootstrap fetches its packages, and which can be made to fail.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of the packages that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// After so many bytes nothing comes any more, and nobody answers.
    GoneAfter(u64),
    /// One bit of each package is another one.
    Corrupt,
}

/// Starts a proxy that lives as long as the tests, and gives its address for `http_proxy`.
pub(crate) fn proxy(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let passed = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            if matches!(fault, Fault::GoneAfter(limit) if passed.load(Ordering::SeqCst) > limit) {
                return;
            }
            let passed = passed.clone();
            // A client that goes away in the middle is no failure of the test.
            std::thread::spawn(move || serve(client, fault, &passed).ok());
        }
    });
    address
}

/// One request per connection: `GET http://host/path`, as clients ask proxies.
fn serve(mut client: TcpStream, fault: Fault, passed: &AtomicU64) -> std::io::Result<()> {
    let head = head(&mut client)?;
    let broken = || std::io::Error::other("not a request to a proxy");
    let url =
        head.split_whitespace().nth(1).and_then(|url| url.strip_prefix("http://")).ok_or_else(broken)?;
    let (host, path) = url.split_once('/').ok_or_else(broken)?;
    // Where this machine has a proxy of its own, that one knows the way.
    let upstream =
        std::env::var("http_proxy").ok().and_then(|url| Some(url.strip_prefix("http://")?.to_owned()));
    let (way, target) = match &upstream {
        Some(proxy) => (proxy.trim_end_matches('/').to_owned(), format!("http://{host}/{path}")),
        None if host.contains(':') => (host.to_owned(), format!("/{path}")),
        None => (format!("{host}:80"), format!("/{path}")),
    };
    let fields = head.lines().skip(1).filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.is_empty() && !["connection:", "proxy-connection:"].iter().any(|name| line.starts_with(name))
    });
    let fields: Vec<&str> = fields.collect();
    let mut server = TcpStream::connect(way)?;
    write!(server, "GET {target} HTTP/1.1\r\n{}\r\nConnection: close\r\n\r\n", fields.join("\r\n"))?;
    let is_package = path.contains("/pool/");
    let answer = self::head(&mut server)?;
    let answer: Vec<&str> =
        answer.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    write!(client, "{}\r\nConnection: close\r\n\r\n", answer.join("\r\n").trim_end())?;
    body(&mut server, &mut client, fault, is_package, passed)
}

/// A head without its empty line.
fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = vec![];
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).trim_end().to_owned())
}

fn body(
    server: &mut TcpStream,
    client: &mut TcpStream,
    fault: Fault,
    is_package: bool,
    passed: &AtomicU64,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    let mut is_first = true;
    loop {
        let read = server.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if is_package {
            let before = passed.fetch_add(read as u64, Ordering::SeqCst);
            match fault {
                Fault::GoneAfter(limit) if before + read as u64 > limit => return Ok(()),
                // Behind the header of the archive.
                Fault::Corrupt if is_first => buffer[read / 2] ^= 1,
                _ => {}
            }
            is_first = false;
        }
        client.write_all(&buffer[..read])?;
    }
}
