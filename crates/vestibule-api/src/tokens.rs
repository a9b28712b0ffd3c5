//! Token claims and lifetimes; nothing else makes or reads a token.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vestibule_types::{Access, Refresh, Token, TokenKind, UserId};

use crate::jwt;
use crate::keys::SigningKeys;

/// How far another node's clock may be ahead of ours, in seconds (JW-05).
pub(crate) const LEEWAY: i64 = 30;

/// What an access token says. Holding one proves that signature, algorithm, expiry and kind were
/// checked; whether the session still lives is for the store to say.
///
/// `sub` is for verifiers that go by username, as the contract has it; we go by `uid` and `sid`, so that a
/// rename logs nobody out and nobody inherits a name's tokens (LG-03). No name, no address (JW-12).
#[derive(Clone, Debug)]
pub(crate) struct AccessClaims {
    pub(crate) uid: UserId,
    pub(crate) sid: String,
}

/// The JSON of an access token's claims. Every request reads one: its texts stay where they are.
#[cfg_attr(test, derive(Debug, Eq, PartialEq))]
#[derive(Deserialize, Serialize)]
struct AccessText<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
    uid: UserId,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    iat: i64,
    exp: i64,
    #[serde(borrow)]
    token_type: Cow<'a, str>,
}

impl<'a> AccessText<'a> {
    fn read(text: &'a str) -> Option<Self> {
        Self::as_written(text).or_else(|| serde_json::from_str(text).ok())
    }

    /// Reads what [`Issuer::access`] writes, to the letter, in a third of the time that any JSON takes. `None` says
    /// nothing about a text that somebody else has written.
    fn as_written(text: &'a str) -> Option<Self> {
        let mut text = Written(text);
        // As they stand in the text.
        let claims = Self {
            sub: text.word_after(r#"{"sub":""#)?.into(),
            uid: UserId::new(text.number_after(r#"","uid":"#)?),
            sid: text.word_after(r#","sid":""#)?.into(),
            jti: text.word_after(r#"","jti":""#)?.into(),
            iat: text.number_after(r#"","iat":"#)?,
            exp: text.number_after(r#","exp":"#)?,
            token_type: text.word_after(r#","token_type":""#)?.into(),
        };
        (text.0 == r#""}"#).then_some(claims)
    }
}

/// What is left to read of a text.
struct Written<'a>(&'a str);

impl<'a> Written<'a> {
    /// Letters, digits, `-` and `_`, which JSON has no other spelling for that we would write.
    fn word_after(&mut self, before: &str) -> Option<&'a str> {
        let rest = self.0.strip_prefix(before)?;
        let is_in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let end = rest.bytes().position(|byte| !is_in_word(byte))?;
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        Some(word)
    }

    /// A positive number without a leading zero.
    fn number_after(&mut self, before: &str) -> Option<i64> {
        let digits = self.word_after(before)?;
        digits.starts_with(|first| matches!(first, '1'..='9')).then(|| digits.parse().ok())?
    }
}

/// What a refresh token says: its id, its parent's id and its generation, which [`crate::refresh`]
/// decides by.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RefreshClaims {
    sub: String,
    pub(crate) uid: UserId,
    pub(crate) sid: String,
    pub(crate) jti: String,
    pub(crate) prt: String,
    pub(crate) r#gen: i64,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    token_type: String,
}

/// What a token of the FastAPI backend says, and it says no more: it names its user by username alone, and no
/// session (contract, section 2). Which account that was is for the store to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LegacyClaims {
    pub(crate) sub: String,
    pub(crate) exp: i64,
    token_type: String,
}

/// A live token of that backend: signature, expiry and kind were checked. It is a session of its own.
#[derive(Debug)]
pub(crate) struct LegacyToken {
    pub(crate) username: String,
    pub(crate) sid: String,
    /// By its expiry: it does not say.
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

impl LegacyClaims {
    /// Reads a token without verifying it: to shut it out.
    pub(crate) fn unverified(token: &str) -> Option<Self> {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

impl LegacyToken {
    /// What an access token of ours would say in its place.
    pub(crate) fn into_access(self, uid: UserId) -> AccessClaims {
        AccessClaims { uid, sid: self.sid }
    }

    /// What the first refresh token of its session would say in its place.
    pub(crate) fn into_refresh(self, uid: UserId) -> RefreshClaims {
        RefreshClaims {
            sub: self.username,
            uid,
            jti: self.sid.clone(),
            sid: self.sid,
            prt: String::new(),
            r#gen: 0,
            iat: self.issued_at,
            exp: self.expires_at,
            token_type: Refresh::NAME.to_owned(),
        }
    }
}

/// The session of a token that names none: 128 bits of its digest, in the form of [`random_id`].
pub(crate) fn legacy_sid(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, token.as_bytes()).as_ref()[..16])
}

/// Signs and verifies, with keys that may be replaced at any moment.
pub(crate) struct Issuer {
    keys: ArcSwap<SigningKeys>,
    access_ttl: i64,
}

/// Whom a token is for.
pub(crate) struct Bearer<'a> {
    pub(crate) username: &'a str,
    pub(crate) user: UserId,
    pub(crate) sid: &'a str,
    /// When the session ends, Unix seconds: no token outlives it.
    pub(crate) expires_at: i64,
}

/// Where a refresh token stands in its session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) jti: String,
    pub(crate) prt: String,
    pub(crate) r#gen: i64,
    pub(crate) iat: i64,
}

impl Issuer {
    pub(crate) fn new(keys: SigningKeys, access_ttl: i64) -> Self {
        Self { keys: ArcSwap::from_pointee(keys), access_ttl }
    }

    pub(crate) fn replace_keys(&self, keys: SigningKeys) {
        self.keys.store(Arc::new(keys));
    }

    /// What others need to verify our tokens.
    pub(crate) fn jwks(&self) -> Value {
        self.keys.load().jwks()
    }

    pub(crate) fn access_ttl(&self) -> i64 {
        self.access_ttl
    }

    pub(crate) fn access(&self, bearer: &Bearer<'_>, now: i64) -> Token<Access> {
        let claims = AccessText {
            sub: bearer.username.into(),
            uid: bearer.user,
            sid: bearer.sid.into(),
            jti: random_id().into(),
            iat: now,
            exp: (now + self.access_ttl).min(bearer.expires_at),
            token_type: Access::NAME.into(),
        };
        Token::from(self.keys.load().signing(now).sign(&claims))
    }

    /// Signed by the key of the second in its `iat`: one token has one text, whoever answers it and when.
    pub(crate) fn refresh(&self, bearer: &Bearer<'_>, place: Place) -> Token<Refresh> {
        let claims = RefreshClaims {
            sub: bearer.username.to_owned(),
            uid: bearer.user,
            sid: bearer.sid.to_owned(),
            jti: place.jti,
            prt: place.prt,
            r#gen: place.r#gen,
            iat: place.iat,
            exp: bearer.expires_at,
            token_type: Refresh::NAME.to_owned(),
        };
        Token::from(self.keys.load().signing(place.iat).sign(&claims))
    }

    /// The claims of a live access token of ours.
    pub(crate) fn verify_access(&self, token: &str, now: i64) -> Option<AccessClaims> {
        let mut room = jwt::Room::new();
        let claims = jwt::verified(self.keys.load().all(), token, &mut room)?;
        let claims = AccessText::read(claims)?;
        // A token that a clock ahead of ours has made costs a refresh (JW-05).
        let is_here = claims.iat <= now + LEEWAY;
        let live = claims.token_type == Access::NAME && is_here && now < claims.exp;
        live.then(|| AccessClaims { uid: claims.uid, sid: claims.sid.into_owned() })
    }

    /// The claims of a live refresh token of ours. One that a clock ahead of ours has made is as good as any: refused, it would sign an
    /// honest browser out when a clock was set back (F12).
    pub(crate) fn verify_refresh(&self, token: &str, now: i64) -> Option<RefreshClaims> {
        let claims: RefreshClaims = jwt::verify(self.keys.load().all(), token)?;
        let live = claims.token_type == Refresh::NAME && now < claims.exp;
        live.then_some(claims)
    }

    /// A live token of kind `K` of the FastAPI backend, which had our key. Tokens of ours are none: they say more.
    pub(crate) fn verify_legacy<K: TokenKind>(
        &self,
        token: &str,
        life: i64,
        now: i64,
    ) -> Option<LegacyToken> {
        let claims: LegacyClaims = jwt::verify(self.keys.load().all(), token)?;
        let live = claims.token_type == K::NAME && now < claims.exp;
        live.then(|| LegacyToken {
            username: claims.sub,
            sid: legacy_sid(token),
            issued_at: claims.exp.saturating_sub(life),
            expires_at: claims.exp,
        })
    }
}

/// 128 bits of the system's random generator, in 22 characters of base64url (LG-02).
pub(crate) fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system's random generator works");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use vestibule_types::{Access, Refresh, Secret, Token, UserId};

    use super::{AccessText, Bearer, Issuer, Place, random_id};
    use crate::jwt::{HmacKey, Key};
    use crate::keys::{SigningKey, SigningKeys};

    const NOW: i64 = 1_800_000_000;

    fn secret() -> Secret {
        Secret::from_random([7; 32])
    }

    fn issuer() -> Issuer {
        Issuer::new(secret().into(), 1800)
    }

    fn ada() -> Bearer<'static> {
        Bearer { username: "ada", user: UserId::new(1), sid: "s1", expires_at: NOW + 604_800 }
    }

    fn place() -> Place {
        Place { jti: random_id(), prt: String::new(), r#gen: 0, iat: NOW }
    }

    #[test]
    fn jw_06_neither_kind_of_token_passes_for_the_other() {
        let issuer = issuer();
        let access = issuer.access(&ada(), NOW);
        let refresh = issuer.refresh(&ada(), place());
        assert!(issuer.verify_access(access.reveal(), NOW).is_some());
        assert!(issuer.verify_refresh(access.reveal(), NOW).is_none());
        assert!(issuer.verify_refresh(refresh.reveal(), NOW).is_some());
        assert!(issuer.verify_access(refresh.reveal(), NOW).is_none());
    }

    #[test]
    fn jw_11_an_access_token_lives_30_minutes_and_never_longer_than_its_session() {
        let issuer = issuer();
        let token = issuer.access(&ada(), NOW);
        assert!(issuer.verify_access(token.reveal(), NOW + 1799).is_some());
        assert!(issuer.verify_access(token.reveal(), NOW + 1800).is_none());
        let ending = Bearer { expires_at: NOW + 5, ..ada() };
        let token = issuer.access(&ending, NOW);
        assert!(issuer.verify_access(token.reveal(), NOW + 5).is_none());
    }

    #[test]
    fn jw_05_a_token_from_the_future_is_refused_beyond_30_seconds() {
        let token = issuer().access(&ada(), NOW + 30);
        assert!(issuer().verify_access(token.reveal(), NOW).is_some());
        assert!(issuer().verify_access(token.reveal(), NOW - 1).is_none());
    }

    /// The second in which `next()` takes over.
    const TURN: i64 = NOW + 60;

    fn hs256(byte: u8, from: i64) -> SigningKey {
        SigningKey::hs256(Secret::from_random([byte; 32]), from)
    }

    fn next() -> SigningKey {
        SigningKey::eddsa(Secret::from_random([8; 32]), TURN).unwrap()
    }

    #[test]
    fn ky_06_a_rotation_signs_nobody_out() {
        let issuer = issuer();
        let verifies = |access: &Token<Access>, refresh: &Token<Refresh>, now| {
            issuer.verify_access(access.reveal(), now).is_some()
                && issuer.verify_refresh(refresh.reveal(), now).is_some()
        };
        let alone = (issuer.access(&ada(), NOW), issuer.refresh(&ada(), place()));
        assert!(verifies(&alone.0, &alone.1, NOW));
        issuer.replace_keys(SigningKeys::new(hs256(7, 0), vec![next()]).unwrap());
        let kids = issuer.jwks()["keys"].as_array().unwrap().len();
        assert_eq!(kids, 1, "F20: published before it signs");
        let before = (issuer.access(&ada(), TURN - 1), issuer.refresh(&ada(), place()));
        let turned = Place { iat: TURN, ..place() };
        let after = (issuer.access(&ada(), TURN), issuer.refresh(&ada(), turned));
        for (access, refresh) in [&alone, &before, &after] {
            assert!(verifies(access, refresh, TURN));
        }
        let header = |token: &str| token.split('.').next().unwrap().to_owned();
        assert_eq!(header(before.0.reveal()), header(alone.0.reveal()));
        assert_ne!(header(after.0.reveal()), header(alone.0.reveal()));

        issuer.replace_keys(SigningKeys::new(next(), Vec::new()).unwrap());
        assert!(verifies(&after.0, &after.1, TURN));
        assert!(!verifies(&before.0, &before.1, TURN), "what is retired verifies no more");
    }

    #[test]
    fn ky_06_a_refresh_token_that_is_answered_again_after_a_rotation_is_the_same() {
        let (issuer, child) = (issuer(), place());
        let first = issuer.refresh(&ada(), child.clone());
        issuer.replace_keys(SigningKeys::new(hs256(7, 0), vec![next()]).unwrap());
        assert_eq!(issuer.refresh(&ada(), child), first);
    }

    #[test]
    fn two_tokens_of_one_second_differ() {
        assert_ne!(issuer().access(&ada(), NOW), issuer().access(&ada(), NOW));
    }

    #[test]
    fn jw_04_claims_of_the_wrong_type_are_refused_not_skipped() {
        let good = json!({"sub": "ada", "uid": 1, "sid": "s1", "jti": "j", "iat": NOW, "exp": NOW + 9, "token_type": "access"});
        let key = Key::Hs256(HmacKey::new(&secret()));
        assert!(issuer().verify_access(&key.sign(&good), NOW).is_some());
        for (claim, value) in [
            ("exp", json!("4000000000")),
            ("exp", json!(4e9)),
            ("exp", json!(null)),
            ("exp", json!(1e300)),
            ("exp", json!(-1)),
            ("exp", json!([4_000_000_000_i64])),
            ("iat", json!("0")),
            ("sub", json!(1)),
            ("uid", json!("1")),
            ("sid", json!(null)),
            ("jti", json!(7)),
            ("token_type", json!("refresh")),
            ("token_type", json!("Access")),
        ] {
            let mut claims = good.clone();
            claims[claim] = value.clone();
            assert!(issuer().verify_access(&key.sign(&claims), NOW).is_none(), "{claim} = {value}");
        }
        for claim in ["sub", "uid", "sid", "jti", "iat", "exp", "token_type"] {
            let mut claims = good.clone();
            claims.as_object_mut().map(|claims| claims.shift_remove(claim));
            assert!(issuer().verify_access(&key.sign(&claims), NOW).is_none(), "without {claim}");
        }
    }

    fn claims_of(token: &Token<Access>) -> String {
        let claims = token.reveal().split('.').nth(1).unwrap();
        String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }

    #[test]
    fn what_we_write_is_read_as_written_and_says_the_same_as_its_json() {
        let written = claims_of(&issuer().access(&ada(), NOW));
        let claims = AccessText::as_written(&written).unwrap();
        assert_eq!(claims, serde_json::from_str(&written).unwrap());
    }

    #[test]
    fn claims_in_another_spelling_are_read_as_json() {
        let token = json!({"token_type": "access", "exp": NOW + 9, "iat": NOW, "jti": "j", "sid": "s\"1", "uid": 1, "sub": "ä"});
        let token = token.to_string();
        let claims = AccessText::read(&token).unwrap();
        assert_eq!((&*claims.sub, &*claims.sid), ("ä", "s\"1"));
    }

    proptest! {
        /// Whatever is read as written is what the JSON says.
        #[test]
        fn jw_04_a_text_like_ours_says_what_its_json_says_or_nothing(at in 0_usize..200, to in "[ -~]{0,3}", cut in 0_usize..3) {
            let mut text = claims_of(&issuer().access(&ada(), NOW));
            let at = at % text.len();
            text.replace_range(at..(at + cut).min(text.len()), &to);
            if let Some(claims) = AccessText::as_written(&text) {
                prop_assert_eq!(claims, serde_json::from_str(&text).unwrap());
            }
        }
    }

    #[test]
    fn a_legacy_token_says_three_things_and_no_other() {
        let key = Key::Hs256(HmacKey::new(&secret()));
        let good = json!({"sub": "ada", "exp": NOW + 9, "token_type": "access"});
        let verify = |token: &str| issuer().verify_legacy::<Access>(token, 1800, NOW);
        let token = verify(&key.sign(&good)).unwrap();
        assert_eq!((token.username.as_str(), token.issued_at), ("ada", NOW + 9 - 1800));
        assert_eq!(token.sid.len(), random_id().len());
        for (claim, value) in [
            ("exp", json!(NOW)),
            ("exp", json!("4000000000")),
            ("exp", json!(4e9)),
            ("sub", json!(1)),
            ("token_type", json!("refresh")),
            ("iat", json!(NOW)),
            ("uid", json!(1)),
            ("sid", json!("s1")),
        ] {
            let mut claims = good.clone();
            claims[claim] = value.clone();
            assert!(verify(&key.sign(&claims)).is_none(), "{claim} = {value}");
        }
        for claim in ["sub", "exp", "token_type"] {
            let mut claims = good.clone();
            claims.as_object_mut().map(|claims| claims.shift_remove(claim));
            assert!(verify(&key.sign(&claims)).is_none(), "without {claim}");
        }
        let foreign = Key::Hs256(HmacKey::new(&Secret::from_random([8; 32])));
        assert!(verify(&foreign.sign(&good)).is_none());
        for ours in [issuer().access(&ada(), NOW), issuer().access(&ada(), NOW + 3600)] {
            assert!(verify(ours.reveal()).is_none());
        }
    }

    #[test]
    fn jw_04_a_claim_given_twice_is_refused() {
        struct Raw(&'static str);
        impl serde::Serialize for Raw {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let mut map = serde::Serializer::serialize_map(to, None)?;
                for pair in self.0.split(',') {
                    let (name, value) = pair.split_once(':').unwrap();
                    let value: Value = serde_json::from_str(value).unwrap();
                    serde::ser::SerializeMap::serialize_entry(&mut map, name, &value)?;
                }
                serde::ser::SerializeMap::end(map)
            }
        }
        let once =
            r#"sub:"ada",uid:1,sid:"s1",jti:"j",iat:1800000000,exp:1800000009,token_type:"access""#;
        let twice = r#"sub:"ada",uid:2,uid:1,sid:"s1",jti:"j",iat:1800000000,exp:1800000009,token_type:"access""#;
        let key = Key::Hs256(HmacKey::new(&secret()));
        assert!(issuer().verify_access(&key.sign(&Raw(once)), NOW).is_some());
        assert!(issuer().verify_access(&key.sign(&Raw(twice)), NOW).is_none());
    }
}
