//! JSON Web Tokens in compact form (RFC 7515, 7.1), signed with HS256 (RFC 7518, 3.2) or Ed25519 (RFC 8037, 3.1),
//! and no other kind.
//!
//! A key has one algorithm and so one header. A token's header is compared byte for byte with it: there is no
//! algorithm to negotiate, no key to look up elsewhere and no `crit` to understand (JW-01, JW-02; RFC 8725, 3.1).

use std::mem::MaybeUninit;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64_simd::AsOut as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::Sha256;
use vestibule_types::Secret;

/// Longest token that is looked at, in bytes (JW-07).
const LONGEST: usize = 4096;

/// Bytes of the longest signature there is, Ed25519's (RFC 8032, 5.1.6).
const LONGEST_SIGNATURE: usize = 64;

/// A key that signs and verifies, under its own header only.
pub(crate) enum Key {
    Hs256(HmacKey),
    EdDsa(Box<Ed25519Key>),
}

impl Key {
    /// The signed token of `claims`.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are strings and numbers");
        let mut token = format!("{}.{}", self.header(), URL_SAFE_NO_PAD.encode(claims));
        let signature = match self {
            Self::Hs256(key) => {
                URL_SAFE_NO_PAD.encode(key.mac(token.as_bytes()).finalize().into_bytes())
            }
            Self::EdDsa(key) => URL_SAFE_NO_PAD.encode(key.pair.sign(token.as_bytes())),
        };
        token.push('.');
        token.push_str(&signature);
        token
    }

    /// The token's first part, as every token of this key has it.
    fn header(&self) -> &str {
        match self {
            Self::Hs256(_) => HmacKey::HEADER,
            Self::EdDsa(key) => &key.header,
        }
    }

    fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        match self {
            Self::Hs256(key) => key.mac(text.as_bytes()).verify_slice(signature).is_ok(),
            Self::EdDsa(key) => key.public.verify_sig(text.as_bytes(), signature).is_ok(),
        }
    }
}

/// The claims of `token`, if one of `keys` signed it. Nothing is said about expiry or kind.
pub(crate) fn verify<'k, C: DeserializeOwned>(
    keys: impl IntoIterator<Item = &'k Key>,
    token: &str,
) -> Option<C> {
    let mut room = Room::new();
    serde_json::from_str(verified(keys, token, &mut room)?).ok()
}

/// Where the claims of a token are put to be read: on the stack, and not written over beforehand.
pub(crate) struct Room([MaybeUninit<u8>; LONGEST]);

impl Room {
    pub(crate) fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; LONGEST])
    }
}

/// The claims of `token` as JSON, if one of `keys` signed it. The signature is checked, in constant time, before
/// anything inside is read (JW-03).
pub(crate) fn verified<'k, 'r>(
    keys: impl IntoIterator<Item = &'k Key>,
    token: &str,
    room: &'r mut Room,
) -> Option<&'r str> {
    if token.len() > LONGEST {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let (read, mut bytes) = (base64_simd::URL_SAFE_NO_PAD, [0_u8; LONGEST_SIGNATURE]);
    if signature.len() > (LONGEST_SIGNATURE * 8).div_ceil(6) {
        return None;
    }
    let signature = read.decode(signature.as_bytes(), bytes.as_mut_slice().as_out()).ok()?;
    let mut keys = keys.into_iter().filter(|key| key.header() == header);
    keys.find(|key| key.has_signed(signed, signature))?;
    let claims = read.decode(claims.as_bytes(), room.0.as_mut_slice().as_out()).ok()?;
    std::str::from_utf8(claims).ok()
}

/// An HS256 key. It is made of a [`Secret`], so of at least 256 bits that nobody can guess; what is public can't
/// become one by way of types (JW-08).
pub(crate) struct HmacKey(Box<Hmac<Sha256>>);

impl HmacKey {
    /// `{"alg":"HS256","typ":"JWT"}`, exactly as the contract has it.
    const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

    pub(crate) fn new(secret: &Secret) -> Self {
        let keyed = Hmac::new_from_slice(secret.reveal());
        Self(Box::new(keyed.expect("HMAC takes keys of any length")))
    }

    /// Names the key to people and tells nothing of it: 48 bits of a MAC over a constant, in 8 characters.
    pub(crate) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.mac(b"vestibule key id").finalize().into_bytes()[..6])
    }

    /// The keyed state, which was made once, and `text` (RFC 2104, 2).
    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        (*self.0).clone().chain_update(text)
    }
}

/// An Ed25519 key pair (RFC 8032, 5.1), and what it is known by.
pub(crate) struct Ed25519Key {
    pair: Ed25519KeyPair,
    public: ParsedPublicKey,
    kid: String,
    /// `{"alg":"EdDSA","typ":"JWT","kid":"…"}`
    header: String,
}

impl Ed25519Key {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let public = pair.public_key().as_ref();
        let kid = thumbprint(public);
        let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#);
        let header = URL_SAFE_NO_PAD.encode(header);
        let public = ParsedPublicKey::new(&ED25519, public).expect("the key of a pair is one");
        Self { pair, public, kid, header }
    }

    /// What others verify with: 32 bytes (RFC 8032, 5.1.5).
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Names the key: in tokens, and to whoever verifies them.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a JSON Web Key (RFC 8037, 2), with `alg`, `use` and `kid` (JW-09).
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": URL_SAFE_NO_PAD.encode(self.public()),
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        })
    }
}

/// SHA-256 over the required members in order (RFC 7638, 3; RFC 8037, 2), in base64url: 43 characters.
fn thumbprint(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes()))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken as library;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use vestibule_types::Secret;

    use super::{Ed25519Key, HmacKey, Key, verify};

    const BYTES: [u8; 32] = *b"\x01\x92k\xb3Zo\xf8\xd1\x07\xe3L\xaa\x10\x88C\x9f\xd2.\x71\x05\xbc\x66\xf0\x3a\x91\x0d\x5e\xc7\x18\xe4\x2b\x9c";

    fn key() -> Key {
        Key::Hs256(HmacKey::new(&Secret::from_random(BYTES)))
    }

    fn ed25519() -> Ed25519Key {
        Ed25519Key::new(&BYTES)
    }

    fn eddsa() -> Key {
        Key::EdDsa(Box::new(ed25519()))
    }

    /// `header.claims.`, and what it is signed with: for tokens that we would never make.
    fn signed_by(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signed_with(header: &Value, claims: &Value, bytes: &[u8]) -> String {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, bytes);
        signed_by(header, claims, |text| aws_lc_rs::hmac::sign(&key, text).as_ref().to_vec())
    }

    fn signed_with_ed25519(header: &Value, claims: &Value) -> String {
        signed_by(header, claims, |text| ed25519().pair.sign(text).as_ref().to_vec())
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
    fn jw_01_jw_02_an_eddsa_key_knows_its_own_header_and_no_other() {
        let claims = json!({"sub": "ada"});
        let kid = ed25519().kid;
        let good = json!({"alg": "EdDSA", "typ": "JWT", "kid": kid});
        assert!(verify::<Value>(&[eddsa()], &signed_with_ed25519(&good, &claims)).is_some());
        for header in [
            json!({"alg": "HS256", "typ": "JWT"}),
            json!({"alg": "HS256", "typ": "JWT", "kid": kid}),
            json!({"alg": "none", "typ": "JWT", "kid": kid}),
            json!({"alg": "ES256", "typ": "JWT", "kid": kid}),
            json!({"alg": "Ed25519", "typ": "JWT", "kid": kid}),
            json!({"alg": "EDDSA", "typ": "JWT", "kid": kid}),
            json!({"alg": "EdDSA", "typ": "JWT"}),
            json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"}),
            json!({"alg": "EdDSA", "typ": "JWT", "kid": ""}),
            json!({"alg": "EdDSA", "typ": "JWT", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}),
            json!({"alg": "EdDSA", "typ": "JWT", "kid": kid, "jku": "https://evil.example/keys"}),
            json!({"alg": "EdDSA", "typ": "JWT", "kid": kid, "jwk": ed25519().jwk()}),
            json!({"alg": "EdDSA", "typ": "JWT", "kid": kid, "crit": ["x"], "x": 1}),
        ] {
            let token = signed_with_ed25519(&header, &claims);
            assert!(verify::<Value>(&[eddsa(), key()], &token).is_none(), "{header}");
        }
    }

    #[test]
    fn jw_01_no_key_is_tried_under_the_algorithm_of_another() {
        let claims = json!({"sub": "ada"});
        let (hs256, kid) = (json!({"alg": "HS256", "typ": "JWT"}), ed25519().kid);
        let eddsa_header = json!({"alg": "EdDSA", "typ": "JWT", "kid": kid});
        let public = ed25519().public().to_vec();
        let jwk = ed25519().jwk().to_string();
        // RFC 8725, 2.1: what everybody can fetch, taken for an HMAC key; and the seed itself, likewise.
        for secret in [&public[..], &BYTES, jwk.as_bytes(), kid.as_bytes()] {
            for header in [&hs256, &eddsa_header] {
                let token = signed_with(header, &claims, secret);
                assert!(verify::<Value>(&[eddsa()], &token).is_none(), "{header}");
            }
        }
        // A list with both, as while one replaces the other, takes each under its own header only.
        let other = || Key::Hs256(HmacKey::new(&Secret::from_random([9; 32])));
        let both = [eddsa(), other()];
        assert!(verify::<Value>(&both, &signed_with(&hs256, &claims, &[9; 32])).is_some());
        assert!(verify::<Value>(&both, &signed_with_ed25519(&eddsa_header, &claims)).is_some());
        assert!(verify::<Value>(&both, &signed_with(&eddsa_header, &claims, &[9; 32])).is_none());
        assert!(verify::<Value>(&both, &signed_with_ed25519(&hs256, &claims)).is_none());
        assert!(verify::<Value>(&[key()], &signed_with_ed25519(&hs256, &claims)).is_none());
    }

    #[test]
    fn jw_09_whoever_has_the_jwk_verifies_and_finds_nothing_private_in_it() {
        let token = eddsa().sign(&json!({"sub": "ada", "exp": 4_000_000_000_i64}));
        let jwk = ed25519().jwk();
        let header = library::decode_header(&token).unwrap();
        assert_eq!(header.kid.as_deref(), jwk["kid"].as_str());
        let validation = library::Validation::new(library::Algorithm::EdDSA);
        let x = library::DecodingKey::from_ed_components(jwk["x"].as_str().unwrap()).unwrap();
        let whole = library::DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap());
        for key in [x, whole.unwrap()] {
            let read = library::decode::<Value>(&token, &key, &validation).unwrap();
            assert_eq!(read.claims["sub"], "ada");
        }
        let names: Vec<&String> = jwk.as_object().unwrap().keys().collect();
        assert_eq!(names, ["kty", "crv", "x", "kid", "use", "alg"]);
        assert!(!jwk.to_string().contains(&URL_SAFE_NO_PAD.encode(BYTES)));
    }

    #[test]
    fn public_key_and_thumbprint_are_those_of_rfc_8037_appendix_a() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = Ed25519Key::new(&seed.try_into().unwrap());
        assert_eq!(key.jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let signature = key.pair.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(URL_SAFE_NO_PAD.encode(signature), expected);
    }

    #[test]
    fn the_header_of_an_eddsa_token_names_its_key() {
        let token = eddsa().sign(&json!({"sub": "ada"}));
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let expected = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, ed25519().kid());
        assert_eq!(String::from_utf8(header).unwrap(), expected);
    }

    #[test]
    fn an_id_has_8_characters_and_is_no_part_of_the_secret() {
        let id = HmacKey::new(&Secret::from_random(BYTES)).id();
        assert_eq!(id.len(), 8);
        assert!(!URL_SAFE_NO_PAD.encode(BYTES).contains(&id));
        assert_ne!(id, HmacKey::new(&Secret::from_random([9; 32])).id());
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
            format!("{token}{}", "A".repeat(43)),
            format!("{token}{}", "A".repeat(44)),
            format!("{token}{}", "A".repeat(45)),
            format!("{token}{}", "A".repeat(5000)),
        ] {
            assert!(verify::<Value>(&[key()], &bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn an_older_key_still_verifies_and_a_foreign_one_does_not() {
        let token = key().sign(&json!({"sub": "ada"}));
        let other = || Key::Hs256(HmacKey::new(&Secret::from_random([9; 32])));
        assert!(verify::<Value>(&[other(), key()], &token).is_some());
        assert!(verify::<Value>(&[other()], &token).is_none());
    }

    proptest! {
        /// Whatever is done to a token, we accept no more than the library does.
        #[test]
        fn jw_03_a_changed_token_is_refused(at in 0_usize..320, to in proptest::char::range(' ', '~')) {
            for key in [key(), eddsa()] {
                let token = key.sign(&json!({"sub": "ada", "uid": 1, "exp": 4_000_000_000_i64}));
                let mut bytes = token.clone().into_bytes();
                let at = at % bytes.len();
                bytes[at] = to as u8;
                let changed = String::from_utf8(bytes).unwrap();
                let ours = verify::<Value>(&[key], &changed).is_some();
                prop_assert_eq!(ours, changed == token, "{}", changed);
            }
        }

        #[test]
        fn jw_07_garbage_never_panics(text in "\\PC{0,80}") {
            prop_assert!(verify::<Value>(&[key()], &text).is_none());
        }
    }
}
