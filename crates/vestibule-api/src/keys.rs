//! The keys that sign tokens: a list that changes while tokens live. One signs at a time, all verify, so that a
//! key is published before it is used and kept until its last token is dead (KY-06).

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use vestibule_types::Secret;

use crate::jwt::{Ed25519Key, HmacKey, Key};

/// How a key signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518, 3.2): who verifies can also sign.
    Hs256,
    /// Ed25519 (RFC 8037, 3.1): who verifies can't.
    EdDsa,
}

/// `HS256`, `EdDSA`.
impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        })
    }
}

/// A key of one algorithm (JW-01), and the second from which on it signs. It never shows its secret.
pub struct SigningKey {
    key: Key,
    secret: Secret,
    from: i64,
}

impl SigningKey {
    /// An HS256 key that signs from `from` on, in Unix seconds; 0 is "from the beginning".
    pub fn hs256(secret: Secret, from: i64) -> Self {
        Self { key: Key::Hs256(HmacKey::new(&secret)), secret, from }
    }

    /// An Ed25519 key whose seed is `secret` (RFC 8032, 5.1.5); `None` unless that has exactly 32 bytes.
    pub fn eddsa(secret: Secret, from: i64) -> Option<Self> {
        let seed = secret.reveal().try_into().ok()?;
        Some(Self { key: Key::EdDsa(Box::new(Ed25519Key::new(seed))), secret, from })
    }

    /// What people call it: 8 characters of base64url, for Ed25519 the first of its `kid`.
    pub fn id(&self) -> String {
        match &self.key {
            Key::Hs256(key) => key.id(),
            Key::EdDsa(key) => key.kid()[..8].to_owned(),
        }
    }

    /// The only one it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.key {
            Key::Hs256(_) => Algorithm::Hs256,
            Key::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// From which Unix second on it signs, if no other does.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The signed token of `claims`.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        self.key.sign(claims)
    }

    /// Whether `other` is made of the same bytes, or of those that this one publishes.
    fn betrays(&self, other: &Self) -> bool {
        let public = match &self.key {
            Key::Hs256(_) => None,
            Key::EdDsa(key) => Some(key.public()),
        };
        self.secret == other.secret || public == Some(other.secret.reveal())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({} {}, from {})", self.algorithm(), self.id(), self.from)
    }
}

/// One secret stands in two keys, or the public half of one is the secret of another (JW-01, JW-08).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("one secret is used for two keys")]
pub struct ReusedSecret;

/// The keys that tokens are signed with: at least one, and no two of one secret.
#[derive(Debug)]
pub struct SigningKeys(Vec<SigningKey>);

/// What a key of a list does at some moment; all of them verify.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It signs.
    Signs,
    /// It is published, has signed nothing yet, and does so from [`SigningKey::from`] on.
    Waits,
    /// Another signs in its place since this Unix second. `None`: since when the list does not say, because
    /// the other has the same [`SigningKey::from`] and only stands before it.
    Rests(Option<i64>),
}

impl SigningKeys {
    /// The list of `first` and `others`. What is there twice, word for word, counts once.
    ///
    /// # Errors
    /// [`ReusedSecret`].
    pub fn new(first: SigningKey, others: Vec<SigningKey>) -> Result<Self, ReusedSecret> {
        let mut keys = vec![first];
        for new in others {
            let known = keys.iter().find(|key| key.betrays(&new) || new.betrays(key));
            match known {
                None => keys.push(new),
                Some(key) if key.id() == new.id() && key.from == new.from => {}
                Some(_) => return Err(ReusedSecret),
            }
        }
        Ok(Self(keys))
    }

    /// The keys in their order.
    pub fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter()
    }

    /// The key that signs at `now`: of those whose second has come, the one whose second came last; of equals,
    /// the one listed first. While none has come, the one whose second comes first.
    pub fn signing(&self, now: i64) -> &SigningKey {
        let due = self.0.iter().filter(|key| key.from <= now);
        let next = || self.0.iter().min_by_key(|key| key.from).expect("there is at least one key");
        due.min_by_key(|key| Reverse(key.from)).unwrap_or_else(next)
    }

    /// What the key with `id` does at `now`; `None` if there is no such key.
    pub fn standing(&self, id: &str, now: i64) -> Option<Standing> {
        let key = self.0.iter().find(|key| key.id() == id)?;
        let seconds = self.0.iter().map(|other| other.from);
        let since = seconds.filter(|from| *from > key.from && *from <= now).min();
        Some(if self.signing(now).id() == id {
            Standing::Signs
        } else if key.from > now {
            Standing::Waits
        } else {
            Standing::Rests(since)
        })
    }

    /// Whether one of them is made of `secret`.
    pub fn contains(&self, secret: &Secret) -> bool {
        self.0.iter().any(|key| key.secret == *secret)
    }

    /// What others verify with, as a JWK Set (RFC 7517, 5): Ed25519 keys, also those that wait (F20). An HS256 key
    /// is not in it, for whoever has one can sign (JW-09).
    pub(crate) fn jwks(&self) -> Value {
        let public = self.0.iter().filter_map(|key| match &key.key {
            Key::Hs256(_) => None,
            Key::EdDsa(key) => Some(key.jwk()),
        });
        json!({"keys": public.collect::<Vec<_>>()})
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().map(|key| &key.key)
    }
}

/// One HS256 key that signs from the beginning.
impl From<Secret> for SigningKeys {
    fn from(secret: Secret) -> Self {
        Self(vec![SigningKey::hs256(secret, 0)])
    }
}

#[cfg(test)]
mod tests {
    use vestibule_types::Secret;

    use super::{ReusedSecret, SigningKey, SigningKeys, Standing};

    fn hs256(byte: u8, from: i64) -> SigningKey {
        SigningKey::hs256(Secret::from_random([byte; 32]), from)
    }

    fn eddsa(byte: u8, from: i64) -> SigningKey {
        SigningKey::eddsa(Secret::from_random([byte; 32]), from).unwrap()
    }

    fn list(mut keys: Vec<SigningKey>) -> SigningKeys {
        let first = keys.remove(0);
        SigningKeys::new(first, keys).unwrap()
    }

    #[test]
    fn ky_06_the_key_whose_second_came_last_signs_and_of_equals_the_first() {
        /// The seconds of a list; and at which time which key signs.
        type Case = (&'static [i64], &'static [(i64, usize)]);
        let table: [Case; 6] = [
            (&[0], &[(0, 0), (1_000, 0)]),
            (&[0, 0], &[(0, 0), (1_000, 0)]),
            (&[0, 100], &[(99, 0), (100, 1), (1_000, 1)]),
            (&[100, 0], &[(99, 1), (100, 0)]),
            (&[0, 200, 100, 200], &[(99, 0), (100, 2), (199, 2), (200, 1), (1_000, 1)]),
            (&[300, 200, 200], &[(0, 1), (199, 1), (200, 1), (299, 1), (300, 0)]),
        ];
        for (seconds, expected) in table {
            let key = |(number, from): (usize, &i64)| hs256(number as u8 + 1, *from);
            let keys = list(seconds.iter().enumerate().map(key).collect());
            for (now, index) in expected {
                let id = keys.0[*index].id();
                assert_eq!(keys.signing(*now).id(), id, "{seconds:?} at {now}");
                assert_eq!(keys.standing(&id, *now), Some(Standing::Signs));
            }
        }
    }

    #[test]
    fn ky_06_a_key_rests_since_the_next_one_signs() {
        let keys =
            list(vec![hs256(1, 0), hs256(2, 0), eddsa(3, 200), hs256(4, 100), eddsa(5, 900)]);
        let standings = |now| {
            let ids = keys.iter().map(SigningKey::id);
            ids.map(|id| keys.standing(&id, now).unwrap()).collect::<Vec<_>>()
        };
        use Standing::{Rests, Signs, Waits};
        assert_eq!(standings(50), [Signs, Rests(None), Waits, Waits, Waits]);
        assert_eq!(standings(150), [Rests(Some(100)), Rests(Some(100)), Waits, Signs, Waits]);
        assert_eq!(
            standings(300),
            [Rests(Some(100)), Rests(Some(100)), Signs, Rests(Some(200)), Waits]
        );
        assert_eq!(keys.standing("nobody's", 300), None);
    }

    #[test]
    fn jw_01_jw_08_one_secret_is_one_key() {
        let public = |key: &SigningKey| match &key.key {
            crate::jwt::Key::EdDsa(key) => <[u8; 32]>::try_from(key.public()).unwrap(),
            crate::jwt::Key::Hs256(_) => unreachable!(),
        };
        let published = || SigningKey::hs256(Secret::from_random(public(&eddsa(1, 0))), 0);
        for (first, other) in [
            (hs256(1, 0), eddsa(1, 0)),
            (eddsa(1, 0), hs256(1, 5)),
            (hs256(1, 0), hs256(1, 5)),
            (published(), eddsa(1, 0)),
            (eddsa(1, 0), published()),
        ] {
            let said = format!("{first:?} {other:?}");
            assert_eq!(SigningKeys::new(first, vec![other]).err(), Some(ReusedSecret), "{said}");
        }
        let twice = SigningKeys::new(hs256(1, 0), vec![hs256(1, 0), hs256(2, 0)]).unwrap();
        assert_eq!(twice.iter().count(), 2);
    }

    #[test]
    fn jw_09_the_published_set_has_every_public_key_and_no_hs256_key() {
        let keys = list(vec![hs256(1, 0), eddsa(2, 0), eddsa(3, 4_000_000_000)]);
        let set = keys.jwks();
        let kids: Vec<&str> = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap())
            .collect();
        assert_eq!(kids.len(), 2);
        assert!(kids[0].starts_with(&keys.0[1].id()) && kids[1].starts_with(&keys.0[2].id()));
        assert!(set["keys"].as_array().unwrap().iter().all(|key| key["kty"] == "OKP"));
        assert_eq!(list(vec![hs256(1, 0)]).jwks().to_string(), r#"{"keys":[]}"#);
    }

    #[test]
    fn se_05_a_key_shows_its_id_and_not_its_secret() {
        let shown = format!("{:?}", list(vec![hs256(b'A', 0), eddsa(b'B', 7)]));
        assert!(shown.contains("HS256") && shown.contains("from 7"), "{shown}");
        assert!(!shown.contains("AAAA") && !shown.contains("65, 65") && !shown.contains("QUFB"));
    }

    #[test]
    fn an_ed25519_seed_has_exactly_32_bytes() {
        let long =
            Secret::parse("5f1c9e27a4b8036dd2e97f41c60ba83590ce14f7328bd6a95e07c13df8426ba97e")
                .unwrap();
        assert!(SigningKey::eddsa(long, 0).is_none());
    }
}
