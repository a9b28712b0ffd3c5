//! `Set-Cookie` lines of upstreams, as browsers read them.

/// One line (RFC 6265bis, 5.6). Nothing is unquoted, and of the attributes only those on its end are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SetCookie<'a> {
    /// May be empty; then browsers send the bare value.
    pub name: &'a [u8],
    /// Without the blanks around it.
    pub value: &'a [u8],
    /// Seconds, if the line says so: the last word counts.
    pub max_age: Option<i64>,
    /// Whether there is an `Expires`, whatever it says.
    pub has_expires: bool,
}

impl<'a> SetCookie<'a> {
    /// Reads a header's value. `None` if browsers pass over it whole: it has a control character, or neither a
    /// name nor a value.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return None;
        }
        let mut parts = line.split(|byte| *byte == b';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = split(pair).unwrap_or((b"", trimmed(pair)));
        let attributes: Vec<_> = parts.filter_map(split).collect();
        let max_age = attributes.iter().rev().find_map(|(name, value)| max_age(name, value));
        let has_expires = attributes.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"expires"));
        let is_there = !name.is_empty() || !value.is_empty();
        is_there.then_some(Self { name, value, max_age, has_expires })
    }
}

/// RFC 6265bis, 5.6.2: digits, perhaps behind a minus. What is too much for us is as long as can be.
fn max_age(name: &[u8], value: &[u8]) -> Option<i64> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !name.eq_ignore_ascii_case(b"max-age") || !is_number {
        return None;
    }
    let most = if digits.len() < value.len() { i64::MIN } else { i64::MAX };
    let number = std::str::from_utf8(value).ok()?;
    Some(number.parse().unwrap_or(most))
}

/// What is in front of the first `=` and what is behind it.
fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    Some((trimmed(&pair[..at]), trimmed(&pair[at + 1..])))
}

/// The names of whatever a line may make a browser send back. A cookie without a name is sent as its bare
/// value, so `=a=b` comes back as a cookie called `a` (RFC 6265bis, 5.7 and 5.8.3). Safari reads `a=b, c=d` as
/// two cookies, as RFC 2109, 4.2.2 had it; others as one.
pub(crate) fn names_set_by(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',').map(|cookie| {
        let pair = cookie.split(|byte| *byte == b';').next().unwrap_or_default();
        let is_unnamed = |byte: &u8| *byte == b'=' || is_blank(byte);
        let from = pair.iter().position(|byte| !is_unnamed(byte)).unwrap_or(pair.len());
        let named = &pair[from..];
        trimmed(named.split(|byte| *byte == b'=').next().unwrap_or_default())
    })
}

/// Without the blanks and tabs around it.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    let Some(from) = bytes.iter().position(|byte| !is_blank(byte)) else { return b"" };
    let to = bytes.iter().rposition(|byte| !is_blank(byte)).unwrap_or(from);
    &bytes[from..=to]
}

/// A blank or a tab: what browsers trim. Servers that trim more let a forged name pass for ours.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_browsers_read_it() {
        for (line, expected) in [
            ("a=b", Some(("a", "b", None))),
            ("\t a = b ; Path=/", Some(("a", "b", None))),
            ("a=b=c", Some(("a", "b=c", None))),
            ("a=\"b\"", Some(("a", "\"b\"", None))),
            ("a=", Some(("a", "", None))),
            ("a", Some(("", "a", None))),
            ("=a", Some(("", "a", None))),
            ("", None),
            (" = ; Max-Age=5", None),
            ("a=b\u{7f}", None),
            ("a=b\u{1}; Max-Age=5", None),
            ("a=b; expires=never", Some(("a", "b", None))),
            ("a=b; max-AGE = 60 ", Some(("a", "b", Some(60)))),
            ("a=b; Max-Age=-5", Some(("a", "b", Some(-5)))),
            ("a=b; Max-Age=60; Max-Age=7", Some(("a", "b", Some(7)))),
            ("a=b; Max-Age=60; Max-Age=x", Some(("a", "b", Some(60)))),
            ("a=b; Max-Age=+60; Max-Age=; Max-Age=-", Some(("a", "b", None))),
            ("a=b; Max-Age=99999999999999999999", Some(("a", "b", Some(i64::MAX)))),
            ("a=b; Max-Age=-99999999999999999999", Some(("a", "b", Some(i64::MIN)))),
        ] {
            let read = SetCookie::parse(line.as_bytes());
            let bytes = expected.map(|(name, value, max_age)| SetCookie {
                name: name.as_bytes(),
                value: value.as_bytes(),
                max_age,
                has_expires: line.contains("expires"),
            });
            assert_eq!(read, bytes, "{line:?}");
        }
    }
}
