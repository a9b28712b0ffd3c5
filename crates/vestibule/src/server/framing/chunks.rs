use super::Violation;
use super::fields::{Fields, Read};

/// A body in chunks, with its trailers (RFC 9112, 7.1).
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
}

#[derive(Debug)]
enum At {
    /// So many digits of a size, and their number.
    Size(usize, u64),
    /// So many bytes of extensions behind a size.
    Extension(usize, u64),
    SizeLineFeed(u64),
    Data(u64),
    DataReturn,
    DataLineFeed,
    Trailers(Box<Fields>),
}

impl Default for At {
    fn default() -> Self {
        Self::Size(0, 0)
    }
}

/// How far a body was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// So many bytes, and there are more to come.
    Read(usize),
    /// One byte, the last.
    End,
}

/// Longest size, in digits: what a `u64` holds.
const DIGITS: usize = 16;

/// Longest extensions of one chunk, in bytes. Nobody uses any.
const EXTENSIONS: usize = 128;

impl Chunks {
    /// Reads the first of `bytes`, or as many as are of one kind.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Progress, Violation> {
        use Violation::Body;
        let byte = bytes[0];
        self.at = match (&mut self.at, byte) {
            (At::Size(digits, size), byte) if byte.is_ascii_hexdigit() => {
                if *digits == DIGITS {
                    return Err(Body("a chunk's size has too many digits"));
                }
                At::Size(*digits + 1, *size << 4 | u64::from(hexadecimal(byte)))
            }
            (At::Size(1.., size), b'\r') => At::SizeLineFeed(*size),
            (At::Size(1.., size), b';') => At::Extension(1, *size),
            (At::Size(..), _) => return Err(Body("a chunk's size is no number")),
            (At::Extension(_, size), b'\r') => At::SizeLineFeed(*size),
            (At::Extension(length, size), b' '..=b'~') if *length < EXTENSIONS => {
                At::Extension(*length + 1, *size)
            }
            (At::Extension(..), _) => {
                return Err(Body("a chunk's extensions are too long or wrong"));
            }
            (At::SizeLineFeed(0), b'\n') => At::Trailers(Box::default()),
            (At::SizeLineFeed(size), b'\n') => At::Data(*size),
            (At::Data(left), _) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                if *left == 0 {
                    self.at = At::DataReturn;
                }
                return Ok(Progress::Read(usize::try_from(taken).unwrap_or(bytes.len())));
            }
            (At::DataReturn, b'\r') => At::DataLineFeed,
            (At::DataLineFeed, b'\n') => At::default(),
            (At::SizeLineFeed(_) | At::DataReturn | At::DataLineFeed, _) => {
                return Err(Body("a chunk does not end as it should"));
            }
            (At::Trailers(fields), _) => return trailer(fields, bytes),
        };
        Ok(Progress::Read(1))
    }
}

/// The same rules as in a head; and nothing that a head alone may say (RFC 9110, 6.5.1).
fn trailer(fields: &mut Fields, bytes: &[u8]) -> Result<Progress, Violation> {
    const OF_HEADS: [&str; 6] =
        ["content-length", "transfer-encoding", "host", "trailer", "connection", "upgrade"];
    match fields.push(bytes) {
        Ok((_, Read::End)) => Ok(Progress::End),
        Ok((_, Read::Field)) if OF_HEADS.iter().any(|name| fields.is(name)) => {
            Err(Violation::Body("a trailer says what only a head may say"))
        }
        Ok((read, _)) => Ok(Progress::Read(read)),
        Err(_) => Err(Violation::Body("the trailers are malformed or too large")),
    }
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit.to_ascii_lowercase() - b'a') + 10,
    }
}
