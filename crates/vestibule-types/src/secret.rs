use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Key material: at least 32 bytes that nobody can guess. It never shows itself and is wiped when dropped.
///
/// There is one way in, [`Secret::parse`], and it refuses what looks chosen by a person: word lists for
/// cookies sealed under `AUTH_SECRET` are public, and a key derivation does not stretch a weak secret
/// (SE-01; RFC 8725, 3.5).
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text can't be a secret. It never carries the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WeakSecret {
    /// Neither base64 nor hexadecimal, or fewer than 32 bytes when decoded.
    Short,
    /// Words, sequences or repetitions: somebody typed it or copied it from an example.
    Guessable,
}

impl fmt::Display for WeakSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Short => "has to be 32 random bytes or more, in base64 or hexadecimal",
            Self::Guessable => "is made of words, sequences or repetitions that tools can guess",
        })
    }
}

impl Secret {
    /// Least number of bytes.
    pub const LEAST: usize = 32;

    /// Reads base64 (either alphabet, padded or not) or hexadecimal, as `openssl rand -base64 32` prints it.
    ///
    /// # Errors
    /// [`WeakSecret`], which says what is wrong and never repeats the text.
    pub fn parse(text: &str) -> Result<Self, WeakSecret> {
        let text = text.trim();
        if is_guessable(text) {
            return Err(WeakSecret::Guessable);
        }
        let bytes = from_hex(text).or_else(|| from_base64(text)).ok_or(WeakSecret::Short)?;
        if bytes.len() < Self::LEAST {
            return Err(WeakSecret::Short);
        }
        Ok(Self(bytes))
    }

    /// From the system's random generator.
    pub fn from_random(bytes: [u8; Self::LEAST]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes, to derive a key or sign.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The text that [`Secret::parse`] reads.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.reveal()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

fn from_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok().map(Zeroizing::new)
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    (0..text.len()).step_by(2).map(pair).collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

/// Parts of the samples that documentation, templates and word lists are full of. Five letters or more,
/// so that a random text has one about once in a million.
const WORDS: [&str; 30] = [
    "abcdef",
    "admin",
    "asdfg",
    "authkey",
    "authsecret",
    "better",
    "changeme",
    "change",
    "default",
    "develop",
    "example",
    "generate",
    "hunter",
    "insecure",
    "letmein",
    "nextauth",
    "openssl",
    "passphrase",
    "password",
    "placeholder",
    "please",
    "qwerty",
    "random",
    "replace",
    "sample",
    "secret",
    "string",
    "supabase",
    "testing",
    "vestibule",
];

/// Keys that look random and stand in documentation that everybody copies.
const SAMPLES: [&str; 1] = ["09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"];

fn is_guessable(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut distinct = text.as_bytes().to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() < 9
        || is_periodic(text.as_bytes())
        || is_sequence(text.as_bytes())
        || WORDS.iter().chain(&SAMPLES).any(|word| lower.contains(word))
}

/// One unit, at most half as long as the text, over and over.
fn is_periodic(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2)
        .any(|period| bytes.iter().zip(&bytes[period..]).all(|(one, next)| one == next))
}

/// More than a third of the steps go to the same or a neighbouring character: `0123…`, `aaaabbbb…`.
fn is_sequence(bytes: &[u8]) -> bool {
    let steps = bytes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    steps * 3 > bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Secret, WeakSecret};

    #[test]
    fn se_01_weak_and_well_known_secrets_are_refused() {
        let weak = [
            "".to_owned(),
            "secret".to_owned(),
            "short-but-random-9fK2".to_owned(),
            "a".repeat(64),
            "ab".repeat(40),
            "0123456789abcdef".repeat(4),
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL".to_owned(),
            "deadbeef".repeat(8),
            "correct-horse-battery-staple".to_owned(),
            "please-change-me-please-change-me-now-1234".to_owned(),
            "your-super-secret-key-that-is-long-enough-2024".to_owned(),
            "<generate-with-openssl-rand-base64-32>".to_owned(),
            "generate-with-openssl-rand-base64-32-abcdefg".to_owned(),
            "better-auth-secret-123456789012345678901234".to_owned(),
            "my_nextauth_value_q8Zk2LmXv7Rt3Yp9Wd5Nc1Bf6".to_owned(),
            "changeme-q8Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js0Ka".to_owned(),
            "password1234password5678password9012password".to_owned(),
            "09d25e094faa6ca2556c818166b7a956".to_owned(),
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7".to_owned(),
            "1".repeat(44),
            "12345678901234567890123456789012345678901234".to_owned(),
            "z3K9".repeat(11),
        ];
        for text in weak {
            assert!(Secret::parse(&text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn se_01_what_openssl_prints_is_taken() {
        for text in [
            "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=",
            "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4",
            "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ-_4",
            "5f1c9e27a4b8036dd2e97f41c60ba83590ce14f7328bd6a95e07c13df8426ba9",
        ] {
            assert!(Secret::parse(text).is_ok(), "{text:?}");
            assert!(Secret::parse(&format!("{text}\n")).is_ok(), "{text:?} from a file");
        }
    }

    #[test]
    fn se_01_a_short_one_says_so_and_no_error_repeats_the_text() {
        let refused = Secret::parse("q0Zk2LmXv7Rt3Yp9").unwrap_err();
        assert_eq!(refused, WeakSecret::Short);
        assert!(!refused.to_string().contains("q0Zk"));
        assert_eq!(format!("{:?}", Secret::from_random([7; 32])), "Secret(…)");
    }

    proptest! {
        #[test]
        fn random_bytes_survive_the_way_through_text(bytes in proptest::array::uniform32(any::<u8>())) {
            let secret = Secret::from_random(bytes);
            let text = secret.to_text();
            // A random text is guessable once in a million; an array that proptest shrinks is not random.
            if let Ok(read) = Secret::parse(&text) {
                prop_assert_eq!(read, secret);
            }
        }
    }
}
