use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::Sha256;
use vestibule_types::{Secret, Wiped};
use zeroize::Zeroizing;

use crate::frames::framed;

const VERSION: &str = "v1";
const KEY_ID_LEN: usize = 8;
const SALT_LEN: usize = 16;

/// The secrets behind everything sealed: the first seals, all open, so that a rotation in two steps
/// (add the new one as the last, then move it to the front) signs nobody out (KY-03).
#[derive(Clone)]
pub struct SealKeys(Arc<[Key]>);

struct Key {
    id: String,
    /// After HKDF-Extract (RFC 5869, 2.2).
    root: Hkdf<Sha256>,
}

/// What a sealed text is for. It opens for nothing else (KY-04).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// The cookie that holds a session.
    SessionCookie,
    /// The token in a form of ours, or the cookie that it belongs to.
    Form,
    /// The ticket by which server code of a UI calls the API for its visitor.
    Ticket,
    /// The session that server code of a UI has begun, on its way to the browser.
    Handover,
}

/// Seals and opens texts of one purpose, under one name, at one origin.
///
/// Shape: `v1.<key id>.<salt><ciphertext><tag>`, the last part in base64url without padding, with a
/// salt of 16 bytes and a tag of 16. The key id is 8 characters derived from the secret. HKDF-SHA256
/// makes a key out of the secret and everything the text is bound to, and out of that and the salt an
/// AES-256-GCM key for one message. Its nonce is always zero, since its key is used once: random nonces
/// and their limit are not needed (KY-01). What stands before the salt is authenticated as it is spelled (KY-02).
#[derive(Clone)]
pub struct Sealer(Arc<[Bound]>);

/// One of the keys, for all messages of one purpose, name and origin.
struct Bound {
    /// `v1.<key id>.`, which everything sealed under it begins with.
    header: String,
    root: Hkdf<Sha256>,
}

/// The system's random generator failed. Better no session than one with a weak salt or name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the system has no random bytes to give")]
pub struct NoRandomness;

/// Why a text did not open. In what way it is broken is nobody's business (KY-05).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Sealed under a key that is not ours: "not signed in here", which proves nothing about elsewhere.
    #[error("sealed under a key that is not known here")]
    UnknownKey,
    /// Malformed, forged, or sealed for something else.
    #[error("broken seal")]
    Broken,
}

impl SealKeys {
    /// Seals under `first`; opens what `first` or any of `older` has sealed.
    pub fn new(first: Secret, older: Vec<Secret>) -> Self {
        Self(std::iter::once(first).chain(older).map(Key::of).collect())
    }

    /// What seals and opens texts of this purpose that are called `name` and belong to `origin`.
    pub fn sealer(&self, purpose: Purpose, name: &str, origin: &str) -> Sealer {
        let binding = framed(&[VERSION, "message", purpose.label(), name, origin]);
        Sealer(self.0.iter().map(|key| Bound::new(key, &binding)).collect())
    }

    /// A key of its own for `label`, out of the first secret: independent of every other label's and
    /// of those that seal (KY-04).
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        expand(&self.first().root, &framed(&[VERSION, "derive", label]))
    }

    /// [`SealKeys::derive`] out of every secret, in their order: for what has to hold while secrets change (KY-03).
    pub fn derive_all(&self, label: &str) -> Vec<Zeroizing<[u8; 32]>> {
        let info = framed(&[VERSION, "derive", label]);
        self.0.iter().map(|key| expand(&key.root, &info)).collect()
    }

    fn first(&self) -> &Key {
        &self.0[0]
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SealKeys({}…)", self.first().id)
    }
}

impl Sealer {
    /// Seals `plaintext` under the first key.
    ///
    /// # Errors
    /// [`NoRandomness`] if the system's generator fails.
    pub fn seal(&self, plaintext: &[u8]) -> Result<String, NoRandomness> {
        self.seal_salted_by(rand::fill, plaintext)
    }

    fn seal_salted_by(
        &self,
        random: impl FnOnce(&mut [u8]) -> Result<(), Unspecified>,
        plaintext: &[u8],
    ) -> Result<String, NoRandomness> {
        let mut salt = [0; SALT_LEN];
        random(&mut salt).map_err(|_| NoRandomness)?;
        let first = &self.0[0];
        let mut body = Wiped::new([&salt, plaintext].concat());
        let tag = first
            .cipher(&salt)
            .seal_in_place_separate_tag(once(), first.aad(), &mut body[SALT_LEN..])
            .expect("GCM takes up to 64 GiB");
        // From here on it is ciphertext, so a reallocation leaves nothing behind.
        body.extend_from_slice(tag.as_ref());
        let mut text = first.header.clone();
        base64_simd::URL_SAFE_NO_PAD.encode_append(body.as_slice(), &mut text);
        Ok(text)
    }

    /// Opens what this or another gateway sealed for the same purpose, name and origin.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] if it is well-formed and names a key that we don't have;
    /// [`OpenError::Broken`] for whatever else is wrong.
    pub fn open(&self, text: &str) -> Result<Wiped<Vec<u8>>, OpenError> {
        let (header, body) = split(text).ok_or(OpenError::Broken)?;
        let body = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(body);
        let mut body = body.map(Wiped::new).map_err(|_| OpenError::Broken)?;
        let bound = self.0.iter().find(|bound| bound.header == header);
        let bound = bound.ok_or(OpenError::UnknownKey)?;
        let salt = *body.first_chunk().ok_or(OpenError::Broken)?;
        let opened = bound.cipher(&salt).open_within(once(), bound.aad(), &mut body, SALT_LEN..);
        let length = opened.map_err(|_| OpenError::Broken)?.len();
        body.truncate(length);
        Ok(body)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sealer({}…)", self.0[0].header)
    }
}

impl Bound {
    fn new(key: &Key, binding: &[u8]) -> Self {
        let root: Zeroizing<[u8; 32]> = expand(&key.root, binding);
        let root = Hkdf::from_prk(root.as_slice()).expect("SHA-256 has 32 bytes");
        Self { header: format!("{VERSION}.{}.", key.id), root }
    }

    /// What seals the one message of this salt.
    fn cipher(&self, salt: &[u8; SALT_LEN]) -> LessSafeKey {
        let key: Zeroizing<[u8; 32]> = expand(&self.root, salt);
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice());
        LessSafeKey::new(key.expect("AES-256 takes 32 bytes"))
    }

    fn aad(&self) -> Aad<&[u8]> {
        Aad::from(self.header.as_bytes())
    }
}

/// The nonce under a key that is used once.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::SessionCookie => "session cookie",
            Self::Form => "form",
            Self::Ticket => "ticket",
            Self::Handover => "handover",
        }
    }
}

impl Key {
    fn of(secret: Secret) -> Self {
        let root = Hkdf::new(Some(b"vestibule"), secret.reveal());
        let id: Zeroizing<[u8; KEY_ID_LEN / 4 * 3]> = expand(&root, &framed(&[VERSION, "id"]));
        Self { id: URL_SAFE_NO_PAD.encode(id.as_slice()), root }
    }
}

/// HKDF-Expand (RFC 5869, 2.3). No two infos under one `root` may be alike but by their meaning: they are framed, or all
/// of one length.
fn expand<const N: usize>(root: &Hkdf<Sha256>, info: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    root.expand(info, out.as_mut_slice()).expect("HKDF-SHA256 gives up to 8,160 bytes");
    out
}

/// `v1.<key id>.` of any key, and what follows.
fn split(text: &str) -> Option<(&str, &str)> {
    let (id, body) = text.strip_prefix(VERSION)?.strip_prefix('.')?.split_once('.')?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_legal = id.len() == KEY_ID_LEN && id.bytes().all(legal);
    is_legal.then(|| text.split_at(text.len() - body.len()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn secret(seed: u8) -> Secret {
        Secret::from_random([seed; 32])
    }

    fn keys(first: u8, older: &[u8]) -> SealKeys {
        SealKeys::new(secret(first), older.iter().copied().map(secret).collect())
    }

    fn sealer(keys: &SealKeys) -> Sealer {
        keys.sealer(Purpose::SessionCookie, "vestibule", "http://localhost:3000")
    }

    #[test]
    fn ky_01_ten_thousand_seals_repeat_no_salt() {
        let sealer = sealer(&keys(1, &[]));
        let salts: HashSet<Vec<u8>> = (0..10_000)
            .map(|_| sealer.seal(b"the same").unwrap())
            .map(|text| URL_SAFE_NO_PAD.decode(&text[12..]).unwrap()[..SALT_LEN].to_vec())
            .collect();
        assert_eq!(salts.len(), 10_000);
    }

    #[test]
    fn ky_01_a_failing_random_source_refuses() {
        let refused = sealer(&keys(1, &[])).seal_salted_by(|_| Err(Unspecified), b"session");
        assert_eq!(refused, Err(NoRandomness));
    }

    #[test]
    fn ky_01_another_name_or_origin_does_not_open() {
        let keys = keys(1, &[]);
        let text = sealer(&keys).seal(b"session").unwrap();
        for (name, origin) in [
            ("__Host-Http-vestibule", "http://localhost:3000"),
            ("vestibule", "https://localhost:3000"),
            ("vestibule", "http://localhost:3001"),
            ("", "vestibulehttp://localhost:3000"),
            ("vestibulehttp", "://localhost:3000"),
        ] {
            let other = keys.sealer(Purpose::SessionCookie, name, origin);
            assert_eq!(other.open(&text), Err(OpenError::Broken), "{name} {origin}");
        }
    }

    #[test]
    fn ky_04_another_purpose_does_not_open_and_labels_give_independent_keys() {
        let (ours, theirs) = (keys(1, &[]), keys(2, &[1]));
        let text = sealer(&ours).seal(b"session").unwrap();
        let form = ours.sealer(Purpose::Form, "vestibule", "http://localhost:3000");
        assert_eq!(form.open(&text), Err(OpenError::Broken));
        assert_eq!(ours.derive("one"), ours.derive("one"));
        assert_ne!(ours.derive("one"), ours.derive("two"));
        assert_ne!(ours.derive("one"), theirs.derive("one"));
    }

    /// Two gateways on their way from secret 1 to secret 2: each has the old list, both, or the new one.
    #[test]
    fn ky_03_in_every_state_of_a_rotation_a_listed_key_opens_and_an_unlisted_one_is_unknown() {
        let lists: [&[u8]; 4] = [&[1], &[1, 2], &[2, 1], &[2]];
        for sealing in lists {
            let text = sealer(&keys(sealing[0], &sealing[1..])).seal(b"session").unwrap();
            for opening in lists {
                let opened = sealer(&keys(opening[0], &opening[1..])).open(&text);
                match opening.contains(&sealing[0]) {
                    true => assert_eq!(opened.unwrap().as_slice(), b"session"),
                    false => assert_eq!(opened, Err(OpenError::UnknownKey)),
                }
            }
        }
    }

    #[test]
    fn ky_02_only_the_one_spelling_of_a_sealed_text_opens() {
        let sealer = sealer(&keys(1, &[]));
        let text = sealer.seal(b"session").unwrap();
        let (header, body) = text.split_at(12);
        let id = &header[3..11];
        for variant in [
            String::new(),
            ".".to_owned(),
            "v1".to_owned(),
            "v1..".to_owned(),
            header.to_owned(),
            format!("{header}AAAA"),
            format!("v2.{id}.{body}"),
            format!("V1.{id}.{body}"),
            format!("v1.{}.{body}", &id[1..]),
            format!("v1.{id}A.{body}"),
            format!("v1.{id}=.{body}"),
            format!("v1.é{}.{body}", &id[2..]),
            format!("{text}="),
            format!("{text}A"),
            format!("{text}."),
            format!(" {text}"),
            format!("{text} "),
            format!("{header}{header}{body}"),
            format!("{header}{body}{body}"),
            format!("eyJhbGciOiJub25lIn0.{body}."),
            body.to_owned(),
        ] {
            assert_eq!(sealer.open(&variant), Err(OpenError::Broken), "{variant}");
        }
        assert!(sealer.open(&text).is_ok());
    }

    #[test]
    fn ky_02_a_text_whose_last_character_has_stray_bits_is_broken() {
        let sealer = sealer(&keys(1, &[]));
        // 16 + 2 + 16 bytes: the last character carries two bits and four that must be zero.
        let text = sealer.seal(b"ab").unwrap();
        let (most, last) = text.split_at(text.len() - 1);
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let opening = ALPHABET.chars().filter(|c| sealer.open(&format!("{most}{c}")).is_ok());
        assert_eq!(opening.collect::<String>(), last);
    }

    #[test]
    fn se_03_keys_never_show_themselves() {
        let shown = format!("{:?}", keys(7, &[8]));
        assert!(shown.starts_with("SealKeys(") && shown.len() < 24, "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_to_the_same(plaintext: Vec<u8>, seed: u8) {
            let sealer = sealer(&keys(seed, &[]));
            let text = sealer.seal(&plaintext).unwrap();
            let opened = sealer.open(&text).unwrap();
            prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
        }

        #[test]
        fn ky_02_a_text_with_one_byte_changed_never_opens(at: prop::sample::Index, bit in 0..7u8) {
            let sealer = sealer(&keys(1, &[]));
            let mut bytes = sealer.seal(b"a session").unwrap().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let opened = sealer.open(std::str::from_utf8(&bytes).unwrap());
            // A changed key id may name a key of somebody else's.
            let unknown = (3..11).contains(&at) && opened == Err(OpenError::UnknownKey);
            prop_assert!(unknown || opened == Err(OpenError::Broken), "byte {}", at);
        }

        #[test]
        fn ky_03_another_secret_does_not_know_the_key(one: u8, other: u8) {
            prop_assume!(one != other);
            let text = sealer(&keys(one, &[])).seal(b"session").unwrap();
            prop_assert_eq!(sealer(&keys(other, &[])).open(&text), Err(OpenError::UnknownKey));
        }

        #[test]
        fn garbage_never_opens_and_never_panics(text: String, body in "[A-Za-z0-9_.-]{0,80}") {
            let keys = keys(1, &[]);
            let sealer = sealer(&keys);
            prop_assert!(sealer.open(&text).is_err());
            let header = format!("v1.{}.", keys.first().id);
            prop_assert!(sealer.open(&(header + &body)).is_err());
        }
    }
}
