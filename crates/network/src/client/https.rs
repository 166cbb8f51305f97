//! One file by HTTPS or HTTP: what a node needs to learn the keys of an issuer of tokens. HTTP/1.1, a
//! connection for each; no redirects, no cookies, no compression.

use std::io::{self, ErrorKind, IoSlice};

use barnabas_security::tls::ClientTls;
use bytes::{Buf, BytesMut};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use crate::Transport;
use crate::transport::Tls;

/// The head of an answer is not longer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether by TLS.
    pub is_encrypted: bool,
    /// The host, an address of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path with what follows it.
    pub path: String,
}

impl Url {
    /// Reads `https://host[:port][/path]`, or one that begins with `http://`.
    pub fn parse(text: &str) -> Option<Url> {
        let (is_encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, rest) => (false, rest?),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let default = if is_encrypted { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let is_host = !host.is_empty() && !host.contains('@') && is_plain(host);
        (is_host && is_plain(&path)).then(|| Url {
            is_encrypted,
            host: host.to_owned(),
            port,
            path,
        })
    }

    fn request(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let Url { port, path, .. } = self;
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: application/json\r\nUser-Agent: barnabas\r\nConnection: close\r\n\r\n"
        )
    }
}

/// Gets what is there, of at most so many bytes. `tls` is whom to trust.
///
/// # Errors
/// Nobody answers or is trusted, another status than 200, no HTTP, or too much. The caller sets the deadline.
pub async fn get(url: &Url, tls: Option<&ClientTls>, bytes_max: usize) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await?;
    let mut transport = if url.is_encrypted {
        let tls = tls.ok_or_else(|| io::Error::other("it is not said whom to trust"))?;
        let name = ServerName::try_from(url.host.clone()).map_err(io::Error::other)?;
        let mut tls = Tls::client(stream, tls.config(), name)?;
        tls.handshake().await?;
        Transport::Tls(Box::new(tls))
    } else {
        Transport::Tcp(stream)
    };
    let mut request = BytesMut::from(url.request().as_bytes());
    while !request.is_empty() || transport.has_unsent() {
        let sent = match request.is_empty() {
            true => transport.flush().map(|_| 0),
            false => transport.send_vectored(&[IoSlice::new(&request)], false),
        };
        match sent {
            Ok(sent) => request.advance(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => transport.writable().await?,
            Err(error) => return Err(error),
        }
    }
    let mut answer = BytesMut::new();
    loop {
        if answer.len() > HEAD_BYTES_MAX + 2 * bytes_max {
            return Err(io::Error::other("the answer is too long"));
        }
        answer.reserve(16 * 1024);
        let received = match transport.receive_behind(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                transport.readable().await?;
                continue;
            }
            // Some end without a word.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(error),
            Ok(received) => received,
        };
        if let Some(body) = body(&answer, received == 0, bytes_max).map_err(io::Error::other)? {
            return Ok(body);
        }
    }
}

/// The body of an answer; `None` while more of it has to come.
fn body(answer: &[u8], is_all: bool, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
    let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return match is_all || answer.len() > HEAD_BYTES_MAX {
            true => Err("that is no answer of HTTP".to_owned()),
            false => Ok(None),
        };
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let code = status
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1));
    if code != Some("200") {
        let shown: String = status.chars().take(80).collect();
        return Err(format!("the answer is {shown:?}"));
    }
    let (mut length, mut is_chunked) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(
                value
                    .trim()
                    .parse::<usize>()
                    .map_err(|_| "its length is no number")?,
            );
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = value.to_ascii_lowercase().contains("chunked");
        }
    }
    let rest = &answer[end + 4..];
    let too_long = || Err(format!("it has more than {bytes_max} bytes"));
    if is_chunked {
        return match unchunked(rest, bytes_max)? {
            None if is_all => Err("the answer ends too early".to_owned()),
            body => Ok(body),
        };
    }
    match length {
        Some(length) if length > bytes_max => too_long(),
        Some(length) if rest.len() >= length => Ok(Some(rest[..length].to_vec())),
        Some(_) if is_all => Err("the answer ends too early".to_owned()),
        None if rest.len() > bytes_max => too_long(),
        None if is_all => Ok(Some(rest.to_vec())),
        _ => Ok(None),
    }
}

/// The bytes of all chunks; `None` before the last is there.
fn unchunked(mut rest: &[u8], bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|end| end == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&rest[..end]).ok();
        let size = size.and_then(|size| size.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or("a chunk has no size")?;
        if size == 0 {
            return Ok(Some(body));
        }
        if size > bytes_max - body.len() {
            return Err(format!("it has more than {bytes_max} bytes"));
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        match rest.get(end + 2 + size..end + 4 + size) {
            Some(b"\r\n") => rest = &rest[end + 4 + size..],
            Some(_) => return Err("a chunk has another size than it says".to_owned()),
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let url = |text: &str| Url::parse(text).map(|url| (url.is_encrypted, url.host, url.port, url.path));
        let of = |is_encrypted, host: &str, port, path: &str| {
            Some((is_encrypted, host.to_owned(), port, path.to_owned()))
        };
        for (text, expected) in [
            ("https://a.example/keys", of(true, "a.example", 443, "/keys")),
            ("http://a:81", of(false, "a", 81, "/")),
            ("https://[::1]:8443/a?b=c", of(true, "::1", 8443, "/a?b=c")),
            ("https://a?b", of(true, "a", 443, "/?b")),
            ("https://", None),
            ("https://user@a/", None),
            ("https://a:x/", None),
            ("https://a/b c", None),
            ("ftp://a/", None),
        ] {
            assert_eq!(url(text), expected, "{text}");
        }
    }

    #[test]
    fn bodies_are_found_and_bounded() {
        let ok = "HTTP/1.1 200 OK\r\n";
        let read = |text: &str, is_all| body(text.as_bytes(), is_all, 10);
        let all = |text: &str| read(&format!("{ok}{text}"), true);
        let found = |text: &str| Ok(Some(text.as_bytes().to_vec()));
        assert_eq!(all("Content-Length: 2\r\n\r\nabc"), found("ab"));
        assert_eq!(all("\r\nabc"), found("abc"));
        assert_eq!(
            all("transfer-encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\n\r\n"),
            found("abc")
        );
        assert_eq!(read(&format!("{ok}Content-Length: 2\r\n\r\na"), false), Ok(None));
        assert_eq!(read(ok, false), Ok(None));
        for bad in [
            "Content-Length: 11\r\n\r\n",
            "Content-Length: x\r\n\r\n",
            "Content-Length: 5\r\n\r\nab",
            "\r\n01234567890",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "Transfer-Encoding: chunked\r\n\r\nb\r\n",
            "Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
            "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        ] {
            assert!(all(bad).is_err(), "{bad:?}");
        }
        assert!(read("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", true).is_err());
        assert!(read("SSH-2.0\r\n", true).is_err());
    }
}
