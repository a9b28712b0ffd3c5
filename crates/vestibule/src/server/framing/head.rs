use super::fields::{Fields, Kind, Read, Word, kind, run_of};
use super::{HEAD, TARGET, Violation};

/// The head of a request, a run of bytes of one kind at a time (RFC 9112, 3 to 6).
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

    /// Reads the first of `bytes`, or as many as are of one kind; how many, and what comes behind the head if it ends with them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, Option<Next>), Violation> {
        let mut read = 1;
        match self.at {
            At::Method => self.method(bytes[0])?,
            At::Target => read = self.target(bytes)?,
            At::Version(read) => self.version(read, bytes[0])?,
            At::Fields => {
                let (of_fields, complete) = self.fields.push(bytes)?;
                read = of_fields;
                match complete {
                    Read::Nothing => {}
                    Read::Field => self.said.field(&self.fields)?,
                    Read::End => return Ok((read, Some(self.end()?))),
                }
            }
        }
        self.length += read;
        Ok((read, None))
    }

    /// Capital letters, as all methods have them; `-` and `_` for those of extensions. So no method is one of those by which a
    /// refusal is handed on (see [`super::super::refusal`]).
    fn method(&mut self, byte: u8) -> Result<(), Violation> {
        match byte {
            b' ' if self.length > 0 => self.at = At::Target,
            b'A'..=b'Z' | b'-' | b'_' if self.length < METHOD => {
                self.method.take(&[byte]);
            }
            _ => return Err(Violation::Malformed("the method is none")),
        }
        Ok(())
    }

    fn target(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let run = run_of(&TARGETS, bytes);
        if self.target == 0 {
            self.first_of_target = bytes[0];
        }
        self.target += run.len();
        match bytes[0] {
            _ if self.target > TARGET => Err(Violation::LongTarget),
            _ if !run.is_empty() => Ok(run.len()),
            b' ' if self.target > 0 => {
                self.form()?;
                self.at = At::Version(0);
                Ok(1)
            }
            _ => Err(Violation::Malformed("the request target has a forbidden character")),
        }
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
            self.fields = Fields::behind((self.length + 1).min(HEAD));
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
    fn field(&mut self, field: &Fields) -> Result<(), Violation> {
        let value = field.value();
        let is_right = match () {
            () if field.is("host") => {
                !std::mem::replace(&mut self.has_host, true) && is_host(value)
            }
            () if field.is("content-length") => {
                self.length.is_none() && {
                    self.length = length(value);
                    self.length.is_some()
                }
            }
            () if field.is("transfer-encoding") => {
                !std::mem::replace(&mut self.is_chunked, true)
                    && value.eq_ignore_ascii_case(b"chunked")
            }
            () if field.is("upgrade") => {
                self.has_upgrade = true;
                true
            }
            () => true,
        };
        is_right
            .then_some(())
            .ok_or(Violation::Malformed("a field that is read once is doubled or wrong"))
    }
}

/// Visible ASCII, without the fragment that no client sends.
const fn is_of_target(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'#'
}

static TARGETS: Kind = kind!(is_of_target);

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
