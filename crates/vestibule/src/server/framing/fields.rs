use super::{FIELDS, HEAD, Violation};

/// How much of a name is kept, in bytes: more than any has that matters here.
const NAME: usize = 32;

/// Field lines up to and with the empty line behind them, of a head or of trailers (RFC 9112, 5).
#[derive(Debug, Default)]
pub(super) struct Fields {
    at: At,
    count: usize,
    length: usize,
    name: Word<NAME>,
    value: Word<272>,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// The first byte of a line.
    #[default]
    Line,
    Name,
    /// Blanks before a value.
    Before,
    Value,
    /// The line feed of a field line.
    LineFeed,
    /// The line feed of the empty line.
    LastLineFeed,
}

/// What a byte has completed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Read {
    Nothing,
    /// A field: see [`Fields::name`] and [`Fields::value`].
    Field,
    /// The section.
    End,
}

impl Fields {
    /// Fields behind so many bytes of a request line.
    pub(super) fn behind(length: usize) -> Self {
        Self { length, ..Self::default() }
    }

    /// Reads the first of `bytes`, or as many as are of one kind; how many, and what is complete with them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, Read), Violation> {
        if let Some(line) = self.line(bytes) {
            return Ok((line, Read::Field));
        }
        match self.run(bytes) {
            0 => self.one(bytes[0]).map(|read| (1, read)),
            run => Ok((run, Read::Nothing)),
        }
    }

    /// Reads a whole field line, if there is one and nothing is wrong with it: nearly all of a head comes so. Its length.
    fn line(&mut self, bytes: &[u8]) -> Option<usize> {
        let At::Line = self.at else { return None };
        let name = run_of(&TOKEN, bytes);
        let rest = bytes[name.len()..].strip_prefix(b":").filter(|_| !name.is_empty())?;
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        let value = text_of(&rest[blanks..]);
        let length = name.len() + 1 + blanks + value.len() + LINE_END.len();
        let is_whole = rest[blanks + value.len()..].starts_with(LINE_END);
        if !is_whole || self.count == FIELDS || self.length + length > HEAD {
            return None;
        }
        self.count += 1;
        self.length += length;
        self.name = Word::of(name);
        self.value = Word::of(value);
        Some(length)
    }

    /// Reads what only makes a name or a value longer: nearly all of a head.
    fn run(&mut self, bytes: &[u8]) -> usize {
        let room = bytes.len().min(HEAD.saturating_sub(self.length));
        let run = match self.at {
            At::Name => self.name.take(run_of(&TOKEN, &bytes[..room])),
            At::Value => self.value.take(text_of(&bytes[..room])),
            At::Line | At::Before | At::LineFeed | At::LastLineFeed => 0,
        };
        self.length += run;
        run
    }

    fn one(&mut self, byte: u8) -> Result<Read, Violation> {
        use Violation::Malformed;
        self.length += 1;
        if self.length > HEAD {
            return Err(Violation::LargeHead);
        }
        match (self.at, byte) {
            (At::Line, b'\r') => self.at = At::LastLineFeed,
            (At::Line, b' ' | b'\t') => return Err(Malformed("a line is folded")),
            (At::Line, b':') => return Err(Malformed("a field has no name")),
            (At::Line, byte) if is_token(byte) => self.begin(byte)?,
            (At::Name, b':') => self.at = At::Before,
            (At::Line | At::Name, _) => return Err(Malformed("a field's name is no token")),
            (At::Before | At::Value, b'\r') => self.at = At::LineFeed,
            (At::Before, b' ') => {}
            (At::Before, byte) if is_text(byte) => {
                self.at = At::Value;
                self.value.take(&[byte]);
            }
            (At::Before | At::Value, _) => {
                return Err(Malformed("a value has a control character"));
            }
            (At::LineFeed, b'\n') => {
                self.at = At::Line;
                return Ok(Read::Field);
            }
            (At::LastLineFeed, b'\n') => return Ok(Read::End),
            (At::LineFeed | At::LastLineFeed, _) => {
                return Err(Malformed("a carriage return stands alone"));
            }
        }
        Ok(Read::Nothing)
    }

    fn begin(&mut self, byte: u8) -> Result<(), Violation> {
        self.count += 1;
        if self.count > FIELDS {
            return Err(Violation::LargeHead);
        }
        self.at = At::Name;
        self.name.clear();
        self.value.clear();
        self.name.take(&[byte]);
        Ok(())
    }

    /// Whether the field just read has this name, of less than [`NAME`] bytes.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.text().eq_ignore_ascii_case(name.as_bytes())
    }

    /// Its value without the spaces around it, or its first bytes. Tabs stay, and so does a value that has one become wrong where it
    /// matters here.
    pub(super) fn value(&self) -> &[u8] {
        let text = self.value.text();
        let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        &text[..end]
    }
}

/// RFC 9110, 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// What may stand in a value: anything but control characters, and the tab (RFC 9110, 5.5).
const fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// Of each byte whether it is of one kind: quicker to look up than to work out.
pub(super) type Kind = [bool; 256];

macro_rules! kind {
    ($is_of_kind:path) => {{
        let mut kind: Kind = [false; 256];
        let mut byte = 0;
        while byte < kind.len() {
            kind[byte] = $is_of_kind(byte as u8);
            byte += 1;
        }
        kind
    }};
}
pub(super) use kind;

static TOKEN: Kind = kind!(is_token);

const LINE_END: &[u8] = b"\r\n";

/// The first of `bytes`, as far as they may stand in a value: a vector at a time, for a cookie has a thousand. No branch in
/// it, so that the compiler makes one of it.
fn text_of(bytes: &[u8]) -> &[u8] {
    let is_control = |byte: u8| (byte < b' ') & (byte != b'\t') | (byte == 0x7f);
    let (vectors, _) = bytes.as_chunks::<32>();
    let clean = vectors.iter().take_while(|vector| {
        vector.iter().fold(0, |any, byte| any | u8::from(is_control(*byte))) == 0
    });
    let clean = clean.count() * 32;
    let rest = bytes[clean..].iter().position(|byte| is_control(*byte));
    &bytes[..rest.map_or(bytes.len(), |rest| clean + rest)]
}

/// The first of `bytes`, as far as they are of one kind.
pub(super) fn run_of<'a>(kind: &Kind, bytes: &'a [u8]) -> &'a [u8] {
    let end = bytes.iter().position(|byte| !kind[usize::from(*byte)]);
    &bytes[..end.unwrap_or(bytes.len())]
}

/// The first `SIZE` bytes of something.
#[derive(Debug)]
pub(super) struct Word<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> Default for Word<SIZE> {
    fn default() -> Self {
        Self { bytes: [0; SIZE], length: 0 }
    }
}

impl<const SIZE: usize> Word<SIZE> {
    fn of(text: &[u8]) -> Self {
        let mut word = Self::default();
        word.take(text);
        word
    }

    /// Keeps of `more` what there is room for; how many it were.
    pub(super) fn take(&mut self, more: &[u8]) -> usize {
        let kept = more.len().min(SIZE - self.length);
        self.bytes[self.length..][..kept].copy_from_slice(&more[..kept]);
        self.length += kept;
        more.len()
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
