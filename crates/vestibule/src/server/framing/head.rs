use super::fields::{Fields, Read, Word};
use super::{HEAD, TARGET, Violation};

/// The head of a request, byte by byte (RFC 9112, 3 to 6).
#[derive(Debug)]
pub(super) struct Head {
    at: At,
    length: usize,
    method: Word<24>,
    first_of_target: u8,
    target: usize,
    is_1_0: bool,
    fields: Fields,
    said: Said,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Method,
    Target,
    /// So many bytes of the version, and of the line's end.
    Version(usize),
    Fields,
}

/// What the fields have said of the message's framing.
#[derive(Debug, Default)]
struct Said {
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
    has_upgrade: bool,
}

/// What comes behind a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Next {
    /// Bytes of the body; `None` if it comes in chunks.
    pub(super) length: Option<u64>,
    /// Whether another protocol was asked for.
    pub(super) is_upgrade: bool,
}

/// The rest of a request line; the minor version is 0 or 1.
const VERSION: &[u8] = b"HTTP/1.1\r\n";
const MINOR: usize = 7;

/// Longest method.
const METHOD: usize = 20;

impl Default for Head {
    fn default() -> Self {
        Self {
            at: At::Method,
            length: 0,
            method: Word::default(),
            first_of_target: 0,
            target: 0,
            is_1_0: false,
            fields: Fields::default(),
            said: Said::default(),
        }
    }
}

impl Head {
    pub(super) fn has_begun(&self) -> bool {
        self.length > 0
    }

    /// Reads one byte; what comes behind the head if that was its last.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<Next>, Violation> {
        self.length += 1;
        match self.at {
            At::Method => self.method(byte)?,
            At::Target => self.target(byte)?,
            At::Version(read) => self.version(read, byte)?,
            At::Fields => match self.fields.push(byte)? {
                Read::Nothing => {}
                Read::Field => self.said.field(self.fields.name(), self.fields.value())?,
                Read::End => return self.end().map(Some),
            },
        }
        Ok(None)
    }

    /// Capital letters, as all methods have them; `-` and `_` for those of extensions. So no method is one of those by which a
    /// refusal is handed on (see [`super::super::refusal`]).
    fn method(&mut self, byte: u8) -> Result<(), Violation> {
        match byte {
            b' ' if self.length > 1 => self.at = At::Target,
            b'A'..=b'Z' | b'-' | b'_' if self.length <= METHOD => self.method.push(byte),
            _ => return Err(Violation::Malformed("the method is none")),
        }
        Ok(())
    }

    /// Visible ASCII, without the fragment that no client sends.
    fn target(&mut self, byte: u8) -> Result<(), Violation> {
        match byte {
            b' ' if self.target > 0 => {
                self.form()?;
                self.at = At::Version(0);
            }
            b'!'..=b'~' if byte != b'#' => {
                if self.target == 0 {
                    self.first_of_target = byte;
                }
                self.target += 1;
                if self.target > TARGET {
                    return Err(Violation::LongTarget);
                }
            }
            _ => return Err(Violation::Malformed("the request target has a forbidden character")),
        }
        Ok(())
    }

    /// A path; a URL; `*` for OPTIONS; an authority for CONNECT (RFC 9112, 3.2).
    fn form(&self) -> Result<(), Violation> {
        let is_right = match self.method.text() {
            b"CONNECT" => self.first_of_target != b'/',
            b"OPTIONS" if self.first_of_target == b'*' => self.target == 1,
            _ => matches!(self.first_of_target, b'/' | b'h' | b'H'),
        };
        is_right.then_some(()).ok_or(Violation::Malformed("the request target has no form"))
    }

    fn version(&mut self, read: usize, byte: u8) -> Result<(), Violation> {
        match byte {
            b'0' if read == MINOR => self.is_1_0 = true,
            byte if VERSION[read] == byte => {}
            _ => return Err(Violation::Malformed("the request line does not end as it should")),
        }
        self.at = At::Version(read + 1);
        if read + 1 == VERSION.len() {
            self.at = At::Fields;
            self.fields = Fields::behind(self.length.min(HEAD));
        }
        Ok(())
    }

    fn end(&self) -> Result<Next, Violation> {
        let Said { has_host, length, is_chunked, has_upgrade } = self.said;
        let is_connect = self.method.text() == b"CONNECT";
        let said = match () {
            () if !has_host && !self.is_1_0 => "there is no host",
            () if is_chunked && length.is_some() => "the body has two lengths",
            () if is_chunked && self.is_1_0 => "chunks are not for HTTP/1.0",
            () if is_connect && (is_chunked || length.is_some()) => "CONNECT has no body",
            () => {
                let length = if is_chunked { None } else { Some(length.unwrap_or(0)) };
                let is_upgrade = is_connect || has_upgrade && !self.is_1_0;
                return Ok(Next { length, is_upgrade });
            }
        };
        Err(Violation::Malformed(said))
    }
}

impl Said {
    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Violation> {
        let is_right = match name {
            b"host" => !std::mem::replace(&mut self.has_host, true) && is_host(value),
            b"content-length" => {
                self.length.is_none() && {
                    self.length = length(value);
                    self.length.is_some()
                }
            }
            b"transfer-encoding" => {
                !std::mem::replace(&mut self.is_chunked, true)
                    && value.eq_ignore_ascii_case(b"chunked")
            }
            b"upgrade" => {
                self.has_upgrade = true;
                true
            }
            _ => true,
        };
        is_right
            .then_some(())
            .ok_or(Violation::Malformed("a field that is read once is doubled or wrong"))
    }
}

/// Digits alone (RFC 9110, 8.6).
fn length(value: &[u8]) -> Option<u64> {
    let is_number = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number)?;
    text.parse().ok()
}

/// A name or an address, and a port; or nothing.
fn is_host(value: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    value.len() <= 261 && value.iter().all(legal)
}
