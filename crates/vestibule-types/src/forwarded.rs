//! The `Forwarded` header (RFC 7239, 4).

/// What one proxy says of the request as it got it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    node: Option<String>,
    proto: Option<String>,
}

impl Element {
    /// Who sent it to the proxy: the parameter `for`, without its quotes.
    pub(crate) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Over what: the parameter `proto`.
    pub(crate) fn proto(&self) -> Option<&[u8]> {
        self.proto.as_deref().map(str::as_bytes)
    }
}

/// The elements of all lines of the header, which are one list. `None` if any of it is malformed: a quote
/// that a client left open must not swallow what a proxy has added.
pub(crate) fn parse(lines: &[&[u8]]) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    for line in lines {
        let mut rest = std::str::from_utf8(line).ok()?;
        loop {
            rest = rest.trim_start_matches(BLANKS);
            if !rest.starts_with(',') && !rest.is_empty() {
                elements.push(element(&mut rest)?);
                rest = rest.trim_start_matches(BLANKS);
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None if rest.is_empty() => break,
                None => return None,
            }
        }
    }
    Some(elements)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// `[ pair ] *( ";" [ pair ] )`. No parameter may be there twice.
fn element(rest: &mut &str) -> Option<Element> {
    let mut element = Element::default();
    let mut names = Vec::new();
    loop {
        if !rest.starts_with([';', ',']) && !rest.is_empty() && !rest.starts_with(BLANKS) {
            let (name, value) = pair(rest)?;
            if names.contains(&name) {
                return None;
            }
            match name.as_str() {
                "for" => element.node = Some(value),
                "proto" => element.proto = Some(value),
                _ => {}
            }
            names.push(name);
        }
        match rest.strip_prefix(';') {
            Some(after) => *rest = after,
            None => return Some(element),
        }
    }
}

/// `token "=" ( token / quoted-string )`; the name in lower case.
fn pair(rest: &mut &str) -> Option<(String, String)> {
    let name = token(rest)?.to_ascii_lowercase();
    *rest = rest.strip_prefix('=')?;
    let value = match rest.strip_prefix('"') {
        Some(after) => {
            *rest = after;
            quoted(rest)?
        }
        // Unquoted addresses with a port are against the standard and nevertheless sent.
        None => token(rest)?.to_owned(),
    };
    Some((name, value))
}

fn token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:".contains(c);
    let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
    let (token, after) = rest.split_at(end);
    *rest = after;
    (!token.is_empty()).then_some(token)
}

/// What is left of a quoted string (RFC 9110, 5.6.4).
fn quoted(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &rest[at + 1..];
                return Some(text);
            }
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}
