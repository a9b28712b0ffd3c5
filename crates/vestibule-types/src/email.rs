use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::Invalid;

/// An e-mail address: `local@domain`, at most 50 code points, the domain in lower case and the local
/// part as its owner spells it (contract: identity API, section 4).
///
/// Two addresses that differ only in case are one account: compare [`Email::key`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Email(String);

/// Top-level names that no public address ends in (RFC 6761, RFC 6762, RFC 7686, RFC 3172).
const SPECIAL_USE: [&str; 6] = ["arpa", "invalid", "local", "localhost", "onion", "test"];

impl Email {
    /// Most code points.
    pub const MOST: usize = 50;

    /// The address as its owner spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses the same account: the whole address in lower case.
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// The [`Email::key`] of what was typed into a login field, well-formed or not.
    pub fn key_of(typed: &str) -> String {
        typed.nfc().collect::<String>().to_lowercase()
    }
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    /// Reads `a@b.c`, with blanks around it, or `Name <a@b.c>`.
    fn try_from(text: String) -> Result<Self, Invalid> {
        let address: String = bare_address(text.trim()).nfc().collect();
        let Some((local, domain)) = address.split_once('@') else {
            return Err(refused("An email address must have an @-sign."));
        };
        if domain.contains('@') {
            return Err(refused("The email address has more than one @-sign."));
        }
        check_local(local)?;
        let domain = domain.to_lowercase();
        check_domain(&domain)?;
        let email = format!("{local}@{domain}");
        if email.chars().count() > Self::MOST {
            return Err(Invalid::too_long(Self::MOST));
        }
        Ok(Self(email))
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// `Name <a@b.c>` without its name.
fn bare_address(text: &str) -> &str {
    let inside = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    inside.map_or(text, |(_, address)| address)
}

/// RFC 5322, 3.2.3 (dot-atom), with letters and digits of any script (RFC 6531, 3.3); no quoted form.
fn check_local(local: &str) -> Result<(), Invalid> {
    if local.is_empty() {
        return Err(refused("There must be something before the @-sign."));
    }
    if local.len() > 64 {
        return Err(refused("The email address is too long before the @-sign."));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(refused("A period must stand between two other characters."));
    }
    let legal = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~.".contains(c)
            || (!c.is_ascii() && is_word(c))
    };
    match local.chars().find(|c| !legal(*c)) {
        None => Ok(()),
        Some(_) => Err(refused("The email address contains invalid characters before the @-sign.")),
    }
}

/// At least two labels of letters, digits and inner hyphens (RFC 1123, 2.1; RFC 5890, 2.3).
fn check_domain(domain: &str) -> Result<(), Invalid> {
    if domain.is_empty() {
        return Err(refused("There must be something after the @-sign."));
    }
    let labels: Vec<&str> = domain.split('.').collect();
    let legal = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && is_word(c)))
    };
    if !labels.iter().all(|label| legal(label)) {
        return Err(refused("The part after the @-sign is not a valid domain name."));
    }
    let last = labels[labels.len() - 1];
    if SPECIAL_USE.contains(&last) {
        return Err(refused(
            "The part after the @-sign is a special-use or reserved name that cannot be used with email.",
        ));
    }
    if labels.len() < 2 || last.chars().all(|c| c.is_ascii_digit()) {
        return Err(refused("The part after the @-sign is not valid. It should have a period."));
    }
    Ok(())
}

/// A letter, digit or combining mark. Look-alikes of `@` and `.` are none of these (LG-04).
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

fn refused(reason: &str) -> Invalid {
    Invalid::value(&format!("value is not a valid email address: {reason}"), reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Email;

    fn parsed(text: &str) -> Option<String> {
        Email::try_from(text.to_owned()).ok().map(String::from)
    }

    #[test]
    fn addresses_are_trimmed_reduced_and_lower_cased_after_the_at() {
        for (text, address) in [
            ("ada@example.com", "ada@example.com"),
            ("  ada@example.com ", "ada@example.com"),
            ("Ada Lovelace <ada@example.com>", "ada@example.com"),
            ("Ada.L+tag@Example.COM", "Ada.L+tag@example.com"),
            ("δοκιμή@παράδειγμα.ελ", "δοκιμή@παράδειγμα.ελ"),
            ("o'brien@example.co.uk", "o'brien@example.co.uk"),
            ("cafe\u{301}@example.com", "caf\u{e9}@example.com"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(address), "{text:?}");
        }
    }

    #[test]
    fn lg_04_what_is_no_public_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@@example.com",
            "ada@example.com@example.org",
            "ada@example",
            "ada@localhost",
            "ada@host.local",
            "ada@x.test",
            "ada@x.invalid",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "\"ada l\"@example.com",
            "ada l@example.com",
            ".ada@example.com",
            "a..b@example.com",
            "ada@-x.com",
            "ada@x_y.com",
            "ada@example..com",
            "ada\0@example.com",
            "ada\n@example.com",
            "ada\u{ff20}example.com",
            "ada@exam\u{3002}ple.com",
            "ada@ex\u{202e}ample.com",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_has_at_most_50_code_points() {
        let address = format!("{}@example.com", "a".repeat(38));
        assert_eq!(parsed(&address).as_deref(), Some(address.as_str()));
        let longer = Email::try_from(format!("a{address}"));
        assert_eq!(longer.unwrap_err().kind, "string_too_long");
    }

    #[test]
    fn spellings_that_differ_in_case_have_one_key() {
        let upper = Email::try_from("Ada@Example.com".to_owned()).unwrap();
        assert_eq!(upper.key(), Email::key_of("ADA@EXAMPLE.COM"));
        assert_eq!(upper.as_str(), "Ada@example.com");
    }

    proptest! {
        #[test]
        fn lg_04_an_accepted_address_has_one_at_and_parses_to_itself(text in "\\PC{0,12}@\\PC{0,12}\\.[a-z]{1,4}") {
            if let Some(address) = parsed(&text) {
                prop_assert_eq!(address.matches('@').count(), 1);
                prop_assert_eq!(parsed(&address), Some(address));
            }
        }
    }
}
