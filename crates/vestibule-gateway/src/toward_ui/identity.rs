//! Who is signed in, signed, for server code of a UI: the keys, and what is said with them.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use crate::seal::SealKeys;
use crate::session::Session;

/// The key that signs identities, and the public halves of all that may have signed one: one of each secret, so that
/// a change of secrets in two steps is seen by nobody.
pub(crate) struct IdentityKeys {
    pair: Ed25519KeyPair,
    /// The JOSE header of what is signed, in base64url (RFC 7515, 4).
    header: String,
    /// RFC 7517, 5.
    document: Value,
}

/// Seconds that an identity holds: as long as a page takes to be made.
const LIFE: i64 = 60;

/// Whom identities are for.
const AUDIENCE: &str = "ui";

/// RFC 7519, 4.1, and what a page shows of a person.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'static str,
    sub: String,
    /// Names the session and opens nothing: what scripts find in the hint cookie.
    sid: String,
    username: &'a str,
    name: &'a str,
    email: Option<&'a str>,
    iat: i64,
    exp: i64,
}

impl IdentityKeys {
    pub(super) fn new(keys: &SealKeys) -> Self {
        let seeds = keys.derive_all("identity");
        let pairs: Vec<Ed25519KeyPair> = seeds
            .iter()
            .map(|seed| Ed25519KeyPair::from_seed_unchecked(seed.as_slice()))
            .map(|pair| pair.expect("a seed of Ed25519 is any 32 bytes (RFC 8032, 5.1.5)"))
            .collect();
        let document = json!({"keys": pairs.iter().map(public).collect::<Vec<_>>()});
        let pair = pairs.into_iter().next().expect("there is a secret");
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": key_id(&pair)});
        Self { pair, header: URL_SAFE_NO_PAD.encode(header.to_string()), document }
    }

    /// All public keys, to be published (RFC 7517, RFC 8037).
    pub(super) fn document(&self) -> &Value {
        &self.document
    }

    /// A compact JWS (RFC 7515, 3.1) that says whose session it is, from `now` for [`LIFE`] seconds.
    pub(super) fn sign(&self, session: &Session, issuer: &str, now: i64) -> String {
        let user = &session.user;
        let claims = Claims {
            iss: issuer,
            aud: AUDIENCE,
            sub: user.id.to_string(),
            sid: session.sid.hint(),
            username: &user.username,
            name: &user.name,
            email: user.email.as_deref(),
            iat: now,
            exp: now.saturating_add(LIFE),
        };
        let claims = serde_json::to_vec(&claims).expect("claims have a JSON form");
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl fmt::Debug for IdentityKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IdentityKeys({})", self.document)
    }
}

fn public(pair: &Ed25519KeyPair) -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id(pair), "alg": "EdDSA", "use": "sig"})
}

/// The thumbprint of the public key (RFC 7638, 3; RFC 8037, 2).
fn key_id(pair: &Ed25519KeyPair) -> String {
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use vestibule_types::Secret;

    use super::*;

    const SITE: &str = "https://app.example.com";

    fn keys(first: u8, older: &[u8]) -> IdentityKeys {
        let secret = |seed: u8| Secret::from_random([seed; 32]);
        let older = older.iter().map(|seed| secret(*seed)).collect();
        IdentityKeys::new(&SealKeys::new(secret(first), older))
    }

    fn part(token: &str, number: usize) -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// As who reads it does: by the key of the document that the header names.
    fn verifies(token: &str, document: &Value) -> bool {
        let kid = part(token, 0)["kid"].clone();
        let published = document["keys"].as_array().unwrap().iter();
        let Some(key) = published.clone().find(|key| key["kid"] == kid) else { return false };
        let key = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_ok()
    }

    #[test]
    fn an_identity_says_whose_session_it_is_for_a_minute() {
        let session = Session::sample(1_000);
        let token = keys(1, &[]).sign(&session, SITE, 1_000);
        let expected = json!({
            "iss": SITE, "aud": "ui", "sub": "7", "sid": session.sid.hint(), "username": "ada",
            "name": "Ada Lovelace", "email": "ada@example.com", "iat": 1_000, "exp": 1_060,
        });
        assert_eq!(part(&token, 1), expected);
        assert!(!token.contains("canary") && !token.contains(&session.sid.to_string()));
        let head = part(&token, 0);
        assert_eq!((&head["alg"], &head["typ"]), (&json!("EdDSA"), &json!("JWT")));
    }

    #[test]
    fn it_verifies_by_the_published_key_and_not_when_a_bit_of_it_is_another() {
        let keys = keys(1, &[]);
        let token = keys.sign(&Session::sample(1_000), SITE, 1_000);
        assert!(verifies(&token, keys.document()));
        let other = token.replacen(".ey", ".fy", 1);
        assert_ne!(other, token);
        assert!(!verifies(&other, keys.document()));
    }

    #[test]
    fn ky_03_while_secrets_change_each_side_knows_the_others_key() {
        let (before, added, moved, after) =
            (keys(1, &[]), keys(1, &[2]), keys(2, &[1]), keys(2, &[]));
        let by = |keys: &IdentityKeys| keys.sign(&Session::sample(1_000), SITE, 1_000);
        for (signer, reader) in
            [(&before, &added), (&added, &moved), (&moved, &added), (&moved, &after)]
        {
            assert!(verifies(&by(signer), reader.document()));
        }
        assert!(!verifies(&by(&before), after.document()));
        let published = |keys: &IdentityKeys| keys.document()["keys"].as_array().unwrap().len();
        assert_eq!((published(&before), published(&added)), (1, 2));
    }

    #[test]
    fn se_05_no_private_half_is_published_or_shown() {
        let keys = keys(1, &[]);
        let mut names: Vec<_> = keys.document()["keys"][0].as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
        let seed = SealKeys::new(Secret::from_random([1; 32]), vec![]).derive("identity");
        assert!(!format!("{keys:?}").contains(&URL_SAFE_NO_PAD.encode(seed.as_slice())));
    }
}
