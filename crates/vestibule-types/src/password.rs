use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::Invalid;

/// A password as a person typed it. It never shows itself and is wiped when dropped (SE-03).
///
/// Logins accept any text here; new passwords come from [`Password::chosen`].
pub struct Password(Zeroizing<String>);

impl Password {
    /// Fewest code points of a new password (contract: identity API, section 8, row 9; NIST SP 800-63B-4 3.1.1.2).
    pub const LEAST: usize = 8;
    /// Most code points; at four bytes each that is at most 1,024 bytes. Longer is refused, never cut.
    pub const MOST: usize = 256;

    /// A password for a new account: 8 to 256 code points, without NUL, no other rule.
    ///
    /// # Errors
    /// [`Invalid`] as the wire says it, never with the password in it.
    pub fn chosen(text: &str) -> Result<Self, Invalid> {
        match text.chars().take(Self::MOST + 1).count() {
            count if count < Self::LEAST => Err(Invalid::too_short(Self::LEAST)),
            count if count > Self::MOST => Err(Invalid::too_long(Self::MOST)),
            _ => crate::names::no_nul(text).map(|()| Self::typed(text)),
        }
    }

    /// A password offered at a login.
    pub fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The bytes exactly as typed: for hashes that another system made.
    pub fn as_typed(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes that our own hashes are made of: NFC, so that one password is one password on every
    /// keyboard (PW-04; NIST SP 800-63B-4 3.1.1.2).
    pub fn normalized(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.nfc().collect::<String>().into_bytes())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Password;

    #[test]
    fn pw_02_a_new_password_has_8_to_256_code_points() {
        for (text, legal) in [
            ("12345678".to_owned(), true),
            ("🦀".repeat(8), true),
            ("🦀".repeat(256), true),
            ("1234567".to_owned(), false),
            (String::new(), false),
            ("x".repeat(257), false),
            ("12345678\0".to_owned(), false),
        ] {
            assert_eq!(
                Password::chosen(&text).is_ok(),
                legal,
                "{} code points",
                text.chars().count()
            );
        }
    }

    #[test]
    fn pw_04_composed_and_decomposed_forms_are_one_password() {
        let composed = Password::typed("caf\u{e9} cr\u{e8}me");
        let decomposed = Password::typed("cafe\u{301} cre\u{300}me");
        assert_eq!(composed.normalized(), decomposed.normalized());
        assert_ne!(composed.as_typed(), decomposed.as_typed());
    }

    #[test]
    fn se_03_a_password_never_shows_itself() {
        assert_eq!(format!("{:?}", Password::typed("hunter2hunter2")), "Password(…)");
    }
}
