//! HTTP/1.1 as strictly as it is written (GW-15): where a request begins and ends, to the byte, before any parser sees it. What
//! two parsers might read differently is no request, and ends the connection.
//!
//! A pure state machine: bytes in, how many of them may go on, and what is wrong with the next. However the bytes are cut, the
//! verdict is the same.

mod chunks;
mod fields;
mod head;

use chunks::{Chunks, Progress};
use head::{Head, Next};

/// Longest head: request line, fields and the empty line, in bytes (RL-01).
pub const HEAD: usize = 16 * 1024;

/// Longest request target, in bytes (RL-01).
pub const TARGET: usize = 8 * 1024;

/// Most fields of a head (RL-01).
pub const FIELDS: usize = 64;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Violation {
    /// A head that is not to be read at all: 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// A request target over [`TARGET`]: 414.
    #[error("the request target is too long")]
    LongTarget,
    /// A head over [`HEAD`] or with more than [`FIELDS`] fields: 431.
    #[error("the head is too large")]
    LargeHead,
    /// A body in chunks that are none. The request is under way already: the connection breaks.
    #[error("{0}")]
    Body(&'static str),
}

/// How far the bytes pushed so far are good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pushed {
    /// How many of those held and pushed may go on now; the rest is to be held, and belongs to a head that is not complete.
    pub pass: usize,
    /// Why nothing behind them may ever go on.
    pub violation: Option<Violation>,
}

/// Where in a connection's bytes we are.
#[derive(Debug)]
pub struct Framing {
    at: At,
    held: usize,
}

#[derive(Debug)]
enum At {
    /// So many bytes of [`PREFACE`], which only a connection's first bytes can be.
    Opening(usize),
    Head(Box<Head>),
    /// So many bytes of a body are to come, and what then.
    Length(u64, Then),
    Chunks(Box<Chunks>, Then),
    /// HTTP/2, or whatever was switched to: not ours to read.
    Raw,
    Refused(Violation),
}

/// What follows a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    Another,
    /// It asked for another protocol: no byte behind it is a request, whatever the answer (RFC 9110, 7.8).
    Raw,
}

/// How HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Default for Framing {
    fn default() -> Self {
        Self { at: At::Opening(0), held: 0 }
    }
}

impl Framing {
    /// Takes the next bytes of the connection.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        let mut pass = 0;
        let mut read = 0;
        while read < bytes.len() {
            if let Err(violation) = self.step(&bytes[read..], &mut read) {
                self.at = At::Refused(violation);
            }
            if let At::Refused(violation) = self.at {
                let is_body = matches!(violation, Violation::Body(_));
                let pass = if is_body { self.held + read } else { pass };
                self.held = 0;
                return Pushed { pass, violation: Some(violation) };
            }
            if !self.is_in_head() {
                pass = self.held + read;
            }
        }
        self.held = self.held + read - pass;
        Pushed { pass, violation: None }
    }

    /// Whether a head has begun and is not complete.
    pub fn is_in_head(&self) -> bool {
        match &self.at {
            At::Opening(matched) => *matched > 0,
            At::Head(head) => head.has_begun(),
            _ => false,
        }
    }

    /// Whether the next byte would be a request's first.
    pub fn is_between(&self) -> bool {
        match &self.at {
            At::Opening(matched) => *matched == 0,
            At::Head(head) => !head.has_begun(),
            _ => false,
        }
    }

    /// Whether all that comes goes on unread.
    pub fn is_raw(&self) -> bool {
        matches!(self.at, At::Raw)
    }

    /// Reads some of `bytes`, one at least or one whose place it has found, and counts them in `read`.
    fn step(&mut self, bytes: &[u8], read: &mut usize) -> Result<(), Violation> {
        match &mut self.at {
            At::Opening(matched) if bytes[0] == PREFACE[*matched] => {
                *matched += 1;
                *read += 1;
                if *matched == PREFACE.len() {
                    self.at = At::Raw;
                }
            }
            At::Opening(matched) => {
                let mut head = Box::new(Head::default());
                for byte in &PREFACE[..*matched] {
                    head.push(&[*byte])?;
                }
                self.at = At::Head(head);
            }
            At::Head(head) => {
                let (of_head, next) = head.push(bytes)?;
                *read += of_head;
                if let Some(next) = next {
                    self.at = At::after(next);
                }
            }
            At::Length(left, then) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                // At most what there is, which fits.
                *read += usize::try_from(taken).unwrap_or(bytes.len());
                if *left == 0 {
                    self.at = At::then(*then);
                }
            }
            At::Chunks(chunks, then) => match chunks.push(bytes)? {
                Progress::Read(count) => *read += count,
                Progress::End => {
                    *read += 1;
                    self.at = At::then(*then);
                }
            },
            At::Raw => *read += bytes.len(),
            At::Refused(violation) => return Err(*violation),
        }
        Ok(())
    }
}

impl At {
    fn after(next: Next) -> Self {
        let then = if next.is_upgrade { Then::Raw } else { Then::Another };
        match next.length {
            None => Self::Chunks(Box::default(), then),
            Some(0) => Self::then(then),
            Some(length) => Self::Length(length, then),
        }
    }

    fn then(then: Then) -> Self {
        match then {
            Then::Another => Self::Head(Box::default()),
            Then::Raw => Self::Raw,
        }
    }
}

#[cfg(test)]
mod tests;
