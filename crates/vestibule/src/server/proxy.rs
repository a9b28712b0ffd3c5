//! The header by which a proxy that passes bytes on unread says whose they are: the PROXY protocol, versions 1 and 2.
//!
//! Source: "The PROXY protocol", Willy Tarreau, 2020-03-05, 2.1 and 2.2.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::places::Addresses;

/// Proxies that begin each connection with such a header. Nobody else gets in: without it an address could be made up.
#[derive(Clone)]
pub struct Announced {
    /// Tells those proxies by their addresses.
    pub by: Addresses,
}

impl fmt::Debug for Announced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Announced(…)")
    }
}

impl Announced {
    /// The client's address, or `peer` where the proxy speaks for itself.
    ///
    /// # Errors
    /// Of the socket; [`io::ErrorKind::PermissionDenied`] for a stranger; [`io::ErrorKind::InvalidData`] for anything but a header.
    pub(super) async fn read<S>(&self, socket: &mut S, peer: IpAddr) -> io::Result<IpAddr>
    where
        S: AsyncRead + Unpin,
    {
        if !(self.by)(peer) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // As long as the shortest header of either version allows.
        let mut first = [0; SIGNATURE.len()];
        socket.read_exact(&mut first).await?;
        let address = if first == *SIGNATURE {
            version_2(socket).await?
        } else {
            version_1(socket, first.to_vec()).await?
        };
        Ok(address.unwrap_or(peer).to_canonical())
    }
}

/// Twelve bytes that begin nothing else.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, and of what may follow the addresses in version 2, in bytes.
const LINE: usize = 107;
const REST: u16 = 4096;

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`; `None` for `PROXY UNKNOWN`.
async fn version_1<S>(socket: &mut S, mut line: Vec<u8>) -> io::Result<Option<IpAddr>>
where
    S: AsyncRead + Unpin,
{
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE || !line.starts_with(b"PROXY ") {
            return Err(malformed());
        }
        line.push(socket.read_u8().await?);
    }
    let text = std::str::from_utf8(&line[..line.len() - 2]).map_err(|_| malformed())?;
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family, from, to, from_port, to_port] => {
            let is_right = |address: IpAddr| address.is_ipv4() == (family == "TCP4");
            let is_known = matches!(family, "TCP4" | "TCP6");
            let (from, to) = (parse::<IpAddr>(from)?, parse::<IpAddr>(to)?);
            parse::<u16>(from_port).and(parse::<u16>(to_port))?;
            if is_known && is_right(from) && is_right(to) {
                Ok(Some(from))
            } else {
                Err(malformed())
            }
        }
        _ => Err(malformed()),
    }
}

/// Behind the signature: version and command, family, the length of what follows; `None` for a proxy's own connection and for
/// families without addresses.
async fn version_2<S>(socket: &mut S) -> io::Result<Option<IpAddr>>
where
    S: AsyncRead + Unpin,
{
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const UNSPECIFIED: u8 = 0x00;
    const TCP4: u8 = 0x11;
    const TCP6: u8 = 0x21;
    let [command, family] = [socket.read_u8().await?, socket.read_u8().await?];
    let length = socket.read_u16().await?;
    if length > REST {
        return Err(malformed());
    }
    let mut rest = vec![0; usize::from(length)];
    socket.read_exact(&mut rest).await?;
    let address = match (command, family) {
        (LOCAL, _) | (PROXY, UNSPECIFIED) => return Ok(None),
        (PROXY, TCP4) if rest.len() >= 12 => {
            rest.first_chunk().map(|bytes: &[u8; 4]| Ipv4Addr::from(*bytes).into())
        }
        (PROXY, TCP6) if rest.len() >= 36 => {
            rest.first_chunk().map(|bytes: &[u8; 16]| Ipv6Addr::from(*bytes).into())
        }
        _ => None,
    };
    address.map(Some).ok_or_else(malformed)
}

fn parse<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| malformed())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY header, or a malformed one")
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use tokio::io::AsyncReadExt as _;

    use super::{Announced, SIGNATURE};

    const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    /// Whose connection it is, and what comes behind the header.
    async fn read(bytes: &[u8]) -> Option<(String, String)> {
        let announced = Announced { by: Arc::new(|address| address == PROXY) };
        let mut socket = bytes;
        let address = announced.read(&mut socket, PROXY).await.ok()?;
        let mut rest = String::new();
        socket.read_to_string(&mut rest).await.ok()?;
        Some((address.to_string(), rest))
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest, b"GET"].concat()
    }

    #[tokio::test]
    async fn the_address_is_read_and_not_a_byte_more() {
        let tcp4 = [&[203, 0, 113, 7][..], &[10, 0, 0, 2], &[1, 2, 3, 4]].concat();
        let with_extensions = [&tcp4[..], &[4, 0, 1, 0]].concat();
        let mut tcp6 = [0; 36];
        tcp6[..2].copy_from_slice(&[0x20, 1]);
        for (bytes, address) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.2 56324 443\r\nGET".to_vec(), "203.0.113.7"),
            (b"PROXY TCP6 2001:db8::7 ::1 1 65535\r\nGET".to_vec(), "2001:db8::7"),
            (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\nGET".to_vec(), "203.0.113.7"),
            (b"PROXY UNKNOWN\r\nGET".to_vec(), "10.0.0.1"),
            (b"PROXY UNKNOWN a b c d\r\nGET".to_vec(), "10.0.0.1"),
            (version_2(0x21, 0x11, &tcp4), "203.0.113.7"),
            (version_2(0x21, 0x11, &with_extensions), "203.0.113.7"),
            (version_2(0x21, 0x21, &tcp6), "2001::"),
            (version_2(0x20, 0x00, b""), "10.0.0.1"),
            (version_2(0x20, 0x11, &tcp4), "10.0.0.1"),
            (version_2(0x21, 0x00, b""), "10.0.0.1"),
        ] {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(
                read(&bytes).await,
                Some((address.to_owned(), "GET".to_owned())),
                "{text:?}"
            );
        }
    }

    #[tokio::test]
    async fn anything_else_is_no_header() {
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.2 56324\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.2 56324 443 1\r\n".to_vec(),
            b"PROXY  TCP4 203.0.113.7 10.0.0.2 1 2\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP6 203.0.113.7 10.0.0.2 1 2\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.2 1 65536\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.999 10.0.0.2 1 2\r\n".to_vec(),
            b"PROXY UDP4 203.0.113.7 10.0.0.2 1 2\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.2 1 2\n\n".to_vec(),
            b"proxy TCP4 203.0.113.7 10.0.0.2 1 2\r\n".to_vec(),
            format!("PROXY UNKNOWN {}\r\n", "a".repeat(107)).into_bytes(),
            version_2(0x21, 0x11, &[203, 0, 113, 7]),
            version_2(0x21, 0x12, &[0; 12]),
            version_2(0x21, 0x31, &[0; 216]),
            version_2(0x11, 0x11, &[0; 12]),
            version_2(0x22, 0x11, &[0; 12]),
            version_2(0x21, 0x11, &[0; 5000]),
            version_2(0x21, 0x11, &[0; 12])[..20].to_vec(),
        ] {
            assert_eq!(read(&bytes).await, None, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[tokio::test]
    async fn a_stranger_is_not_believed() {
        let announced = Announced { by: Arc::new(|_| false) };
        let mut socket = &b"PROXY TCP4 203.0.113.7 10.0.0.2 1 2\r\n"[..];
        assert!(announced.read(&mut socket, PROXY).await.is_err());
    }
}
