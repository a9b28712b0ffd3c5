//! HS256 JSON Web Tokens in compact form (RFC 7515, 7.1; RFC 7518, 3.2), and no other kind.
//!
//! The header is compared byte for byte with the one we write, so there is no algorithm to negotiate, no
//! key to look up elsewhere and no `crit` to understand (JW-01, JW-02; RFC 8725, 3.1).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vestibule_types::Secret;

/// `{"alg":"HS256","typ":"JWT"}`, exactly as the contract has it.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Longest token that is looked at, in bytes (JW-07).
const LONGEST: usize = 4096;

/// A key that signs and verifies; made of at least 256 bits (JW-08).
pub(crate) struct Key(hmac::Key);

impl Key {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.reveal()))
    }

    /// The signed token of `claims`.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are strings and numbers");
        let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
        let tag = hmac::sign(&self.0, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(tag, &mut token);
        token
    }
}

/// The claims of `token`, if one of `keys` signed it. The signature is checked, in constant time, before
/// anything inside is read (JW-03). Nothing is said about expiry or kind.
pub(crate) fn verify<C: DeserializeOwned>(keys: &[Key], token: &str) -> Option<C> {
    if token.len() > LONGEST {
        return None;
    }
    let (signed, tag) = token.rsplit_once('.')?;
    let claims = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    keys.iter().find(|key| hmac::verify(&key.0, signed.as_bytes(), &tag).is_ok())?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken as library;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use vestibule_types::Secret;

    use super::{Key, verify};

    const BYTES: [u8; 32] = *b"\x01\x92k\xb3Zo\xf8\xd1\x07\xe3L\xaa\x10\x88C\x9f\xd2.\x71\x05\xbc\x66\xf0\x3a\x91\x0d\x5e\xc7\x18\xe4\x2b\x9c";

    fn key() -> Key {
        Key::new(&Secret::from_random(BYTES))
    }

    fn signed_with(header: &Value, claims: &Value, bytes: &[u8]) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, bytes);
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    #[test]
    fn the_header_is_exactly_the_contracts() {
        let token = key().sign(&json!({"sub": "ada"}));
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn an_independent_library_verifies_what_we_sign() {
        let token = key().sign(&json!({"sub": "ada", "exp": 4_000_000_000_i64}));
        let validation = library::Validation::new(library::Algorithm::HS256);
        let key = library::DecodingKey::from_secret(&BYTES);
        let read = library::decode::<Value>(&token, &key, &validation).unwrap();
        assert_eq!(read.claims["sub"], "ada");
    }

    #[test]
    fn jw_01_jw_02_any_other_header_is_refused_though_the_key_is_right() {
        let claims = json!({"sub": "ada"});
        let good = json!({"alg": "HS256", "typ": "JWT"});
        assert!(verify::<Value>(&[key()], &signed_with(&good, &claims, &BYTES)).is_some());
        for header in [
            json!({"alg": "none", "typ": "JWT"}),
            json!({"alg": "None", "typ": "JWT"}),
            json!({"alg": "HS384", "typ": "JWT"}),
            json!({"alg": "HS512", "typ": "JWT"}),
            json!({"alg": "RS256", "typ": "JWT"}),
            json!({"alg": "EdDSA", "typ": "JWT"}),
            json!({"alg": "hs256", "typ": "JWT"}),
            json!({"alg": "HS256"}),
            json!({"alg": "HS256", "typ": "JWT", "crit": ["x"], "x": 1}),
            json!({"alg": "HS256", "typ": "JWT", "jku": "https://evil.example/keys"}),
            json!({"alg": "HS256", "typ": "JWT", "kid": "../../dev/null"}),
        ] {
            let token = signed_with(&header, &claims, &BYTES);
            assert!(verify::<Value>(&[key()], &token).is_none(), "{header}");
        }
    }

    #[test]
    fn jw_07_only_the_compact_form_is_read() {
        let token = key().sign(&json!({"sub": "ada"}));
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}="),
            format!(" {token}"),
            format!("{token}\n"),
            token.replace('.', ".."),
            token.rsplit_once('.').unwrap().0.to_owned() + ".",
            format!("{token}{}", "A".repeat(5000)),
        ] {
            assert!(verify::<Value>(&[key()], &bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn an_older_key_still_verifies_and_a_foreign_one_does_not() {
        let token = key().sign(&json!({"sub": "ada"}));
        let other = || Key::new(&Secret::from_random([9; 32]));
        assert!(verify::<Value>(&[other(), key()], &token).is_some());
        assert!(verify::<Value>(&[other()], &token).is_none());
    }

    proptest! {
        /// Whatever is done to a token, we accept no more than the library does.
        #[test]
        fn jw_03_a_changed_token_is_refused(at in 0_usize..160, to in proptest::char::range(' ', '~')) {
            let token = key().sign(&json!({"sub": "ada", "uid": 1, "exp": 4_000_000_000_i64}));
            let mut bytes = token.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = to as u8;
            let changed = String::from_utf8(bytes).unwrap();
            let ours = verify::<Value>(&[key()], &changed).is_some();
            prop_assert_eq!(ours, changed == token, "{}", changed);
        }

        #[test]
        fn jw_07_garbage_never_panics(text in "\\PC{0,80}") {
            prop_assert!(verify::<Value>(&[key()], &text).is_none());
        }
    }
}
