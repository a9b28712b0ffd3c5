use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::seal::SealKeys;

/// What a UI that stands in front of the gateway shows when it asks who a visitor is. It comes from the secrets that
/// seal the session cookie; while these change, that of each of them is good.
pub struct NextKey(Vec<Zeroizing<String>>);

impl NextKey {
    /// The keys of these secrets.
    pub fn new(keys: &SealKeys) -> Self {
        let keys = keys.derive_all("next key").into_iter();
        Self(keys.map(|key| Zeroizing::new(URL_SAFE_NO_PAD.encode(key.as_slice()))).collect())
    }

    /// The key that a UI is to be given: 32 bytes in base64url, 43 characters.
    pub fn reveal(&self) -> &str {
        &self.0[0]
    }

    /// Whether `shown` is one of them. How long that takes says nothing of how much of it is right.
    pub(super) fn admits(&self, shown: &[u8]) -> bool {
        let is = |key: &Zeroizing<String>| verify_slices_are_equal(key.as_bytes(), shown).is_ok();
        self.0.iter().filter(|key| is(key)).count() > 0
    }
}

impl fmt::Debug for NextKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("NextKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use vestibule_types::Secret;

    use super::*;

    fn key(first: u8, older: &[u8]) -> NextKey {
        let secret = |seed: u8| Secret::from_random([seed; 32]);
        let older = older.iter().map(|seed| secret(*seed)).collect();
        NextKey::new(&SealKeys::new(secret(first), older))
    }

    #[test]
    fn the_key_of_every_secret_is_good_and_nothing_else() {
        let (old, both) = (key(1, &[]), key(2, &[1]));
        assert_eq!(old.reveal().len(), 43);
        assert!(old.admits(old.reveal().as_bytes()));
        assert!(both.admits(old.reveal().as_bytes()) && both.admits(both.reveal().as_bytes()));
        for wrong in [b"".as_slice(), &old.reveal().as_bytes()[..42], both.reveal().as_bytes()] {
            assert!(!old.admits(wrong));
        }
    }

    #[test]
    fn se_05_it_is_not_shown_unasked() {
        assert_eq!(format!("{:?}", key(1, &[])), "NextKey(…)");
    }
}
