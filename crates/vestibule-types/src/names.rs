use crate::Invalid;

/// A user's public handle: 2 to 20 bytes, each `a`-`z` or `0`-`9`.
///
/// It never has an `@`: that is how a login field tells a username from an e-mail address.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Username(String);

/// Words that stand where a username would in a path, and so can't be one
/// (contract: identity API, section 8, row 1).
const RESERVED: [&str; 17] = [
    "api",
    "dashboard",
    "docs",
    "health",
    "home",
    "login",
    "logout",
    "me",
    "new",
    "password",
    "ready",
    "refresh",
    "register",
    "session",
    "sessions",
    "user",
    "users",
];

impl Username {
    const PATTERN: &str = "^[a-z0-9]+$";

    /// A name for a new account or a rename: well-formed and not a word that a route uses.
    ///
    /// # Errors
    /// [`Invalid`] as the wire says it.
    pub fn chosen(text: &str) -> Result<Self, Invalid> {
        let name = Self::try_from(text.to_owned())?;
        if RESERVED.contains(&text) {
            let reason = "Username not available";
            return Err(Invalid::value(&format!("Value error, {reason}"), reason));
        }
        Ok(name)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Username {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        within(&text, 2, 20)?;
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.bytes().all(legal) { Ok(Self(text)) } else { Err(Invalid::pattern(Self::PATTERN)) }
    }
}

/// What a person wants to be called: 2 to 30 code points, anything but NUL, kept as typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DisplayName(String);

impl DisplayName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DisplayName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        within(&text, 2, 30)?;
        no_nul(&text)?;
        Ok(Self(text))
    }
}

/// Where a user's picture is: an `http`, `https` or `ftp` URL without blanks, at most 2,048 characters.
/// It is only handed on, never fetched (ASVS 1.3.6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PictureUrl(String);

impl PictureUrl {
    const PATTERN: &str = r"^(https?|ftp)://[^\s/$.?#].[^\s]*$";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PictureUrl {
    /// What an account has until its owner says otherwise; the contract's placeholder.
    fn default() -> Self {
        Self("https://profileimageurl.com".to_owned())
    }
}

impl TryFrom<String> for PictureUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        within(&text, 0, 2048)?;
        let rest =
            ["http://", "https://", "ftp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let host_like =
            |rest: &str| rest.chars().count() >= 2 && !rest.starts_with(['/', '$', '.', '?', '#']);
        let blank = |c: char| c.is_whitespace() || c.is_control();
        match rest {
            Some(rest) if host_like(rest) && !text.contains(blank) => Ok(Self(text)),
            _ => Err(Invalid::pattern(Self::PATTERN)),
        }
    }
}

macro_rules! into_string {
    ($($name:ident)*) => {$(
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}
into_string!(Username DisplayName PictureUrl);

/// At least `least` and at most `most` code points.
fn within(text: &str, least: usize, most: usize) -> Result<(), Invalid> {
    match text.chars().take(most + 1).count() {
        count if count < least => Err(Invalid::too_short(least)),
        count if count > most => Err(Invalid::too_long(most)),
        _ => Ok(()),
    }
}

/// NUL can't be stored by every database.
pub(crate) fn no_nul(text: &str) -> Result<(), Invalid> {
    if text.contains('\0') { Err(Invalid::pattern(r"^[^\x00]*$")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{DisplayName, PictureUrl, Username};

    #[test]
    fn a_username_is_2_to_20_lowercase_letters_or_digits() {
        let cases = [
            ("u1", true),
            ("12", true),
            ("abcdefghijklmnopqrst", true),
            ("u", false),
            ("", false),
            ("abcdefghijklmnopqrstu", false),
            ("User", false),
            ("a_b", false),
            ("a@b", false),
            ("ab\n", false),
            ("a\0", false),
            ("٣٤", false),
        ];
        for (text, legal) in cases {
            assert_eq!(Username::try_from(text.to_owned()).is_ok(), legal, "{text:?}");
        }
    }

    #[test]
    fn words_of_routes_are_names_but_cannot_be_chosen() {
        for word in ["me", "login", "logout", "refresh", "user", "sessions"] {
            assert!(Username::try_from(word.to_owned()).is_ok(), "{word}");
            assert_eq!(Username::chosen(word).unwrap_err().kind, "value_error", "{word}");
        }
        assert!(Username::chosen("mel").is_ok());
    }

    #[test]
    fn a_display_name_is_2_to_30_code_points_of_anything_but_nul() {
        let cases = [
            ("Al", true),
            ("  ", true),
            ("<b>\n", true),
            ("🦀🦀", true),
            ("A", false),
            ("a\0b", false),
        ];
        for (text, legal) in cases {
            assert_eq!(DisplayName::try_from(text.to_owned()).is_ok(), legal, "{text:?}");
        }
        assert!(DisplayName::try_from("é".repeat(30)).is_ok());
        assert_eq!(DisplayName::try_from("é".repeat(31)).unwrap_err().kind, "string_too_long");
    }

    #[test]
    fn a_picture_is_a_url_without_blanks() {
        let cases = [
            ("https://example.com/me.png", true),
            ("http://x.y", true),
            ("ftp://files.example.com/a", true),
            ("javascript:alert(1)", false),
            ("//example.com/x", false),
            ("https://", false),
            ("https:///x", false),
            ("https://exa mple.com", false),
            ("https://example.com/\n", false),
        ];
        for (text, legal) in cases {
            assert_eq!(PictureUrl::try_from(text.to_owned()).is_ok(), legal, "{text:?}");
        }
        assert!(PictureUrl::try_from(format!("https://{}", "a".repeat(2041))).is_err());
    }
}
