//! Signing keys as text: `[EdDSA:]SECRET[@FROM]`, with commas or line breaks between them. A line that begins with
//! `#` is for people.
//!
//! SECRET is what `openssl rand -base64 32` prints, for an Ed25519 key exactly 32 bytes: its seed. FROM is the Unix
//! second from which on the key signs; without it, from the beginning.

use vestibule_api::{Algorithm, SigningKey, SigningKeys};
use vestibule_types::{Secret, WeakSecret};

/// Why a text is no list of signing keys, and the mend. It never carries the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidKeys {
    /// No key at all, or one that was not made by a random generator or is too short.
    #[error("{0}. Make one: openssl rand -base64 32")]
    Weak(WeakSecret),
    /// An Ed25519 seed of another length.
    #[error("has an EdDSA key that is not exactly 32 bytes. Make one: openssl rand -base64 32")]
    Seed,
    /// Something before a colon.
    #[error(
        "has a key with a colon in it that does not begin with EdDSA:. A key is [EdDSA:]SECRET[@UNIX SECOND]"
    )]
    Algorithm,
    /// Something else than digits after the `@`.
    #[error(
        "has a key with something after its @ that is no Unix second. A key is [EdDSA:]SECRET[@UNIX SECOND]"
    )]
    From,
    /// One secret in two keys.
    #[error("uses one secret for two keys. Make another: openssl rand -base64 32")]
    Reused,
}

/// Reads a list.
///
/// # Errors
/// [`InvalidKeys`] if any entry is wrong: better no start than a key that is silently missing.
pub fn parse(text: &str) -> Result<SigningKeys, InvalidKeys> {
    let entries = text.lines().flat_map(entries_of);
    let mut keys = entries.map(key).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err(InvalidKeys::Weak(WeakSecret::Short));
    }
    let first = keys.remove(0);
    SigningKeys::new(first, keys).map_err(|_| InvalidKeys::Reused)
}

/// What stands between the commas of a line, unless the line is for people.
fn entries_of(line: &str) -> impl Iterator<Item = &str> {
    let line = if line.trim_start().starts_with('#') { "" } else { line };
    line.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

fn key(entry: &str) -> Result<SigningKey, InvalidKeys> {
    let (key, from) = match entry.rsplit_once('@') {
        Some((key, from)) => (key, second(from)?),
        None => (entry, 0),
    };
    match key.split_once(':') {
        None => Ok(SigningKey::hs256(secret(key)?, from)),
        Some(("EdDSA", seed)) => SigningKey::eddsa(secret(seed)?, from).ok_or(InvalidKeys::Seed),
        Some(_) => Err(InvalidKeys::Algorithm),
    }
}

fn secret(text: &str) -> Result<Secret, InvalidKeys> {
    Secret::parse(text).map_err(InvalidKeys::Weak)
}

fn second(text: &str) -> Result<i64, InvalidKeys> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or(InvalidKeys::From)
}

/// The entry of a key: what [`parse`] reads.
pub fn entry(algorithm: Algorithm, secret: &Secret, from: i64) -> String {
    let prefix = match algorithm {
        Algorithm::Hs256 => "",
        Algorithm::EdDsa => "EdDSA:",
    };
    let from = if from == 0 { String::new() } else { format!("@{from}") };
    format!("{prefix}{}{from}", *secret.to_text())
}

/// `text` with one more entry at its end, on a line of its own.
pub fn with(text: &str, entry: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}{entry}\n")
}

/// `text` without the key that has this id. All other lines stay as they are.
pub fn without(text: &str, id: &str) -> String {
    let is_it = |entry: &&str| key(entry).is_ok_and(|key| key.id() == id);
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if !entries_of(line).any(|entry| is_it(&entry)) {
            kept.push_str(line);
            continue;
        }
        let others: Vec<&str> = entries_of(line).filter(|entry| !is_it(entry)).collect();
        if !others.is_empty() {
            kept.push_str(&others.join(","));
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::mem::discriminant;

    use vestibule_api::{Algorithm, SigningKey};
    use vestibule_types::{Secret, WeakSecret};

    use super::{InvalidKeys, entry, parse, with, without};

    const ONE: &str = "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=";
    const TWO: &str = "n8Hs3Kd0Vb6Qw1Zx5Lc9Rt2Yp7Mf4Jg8TaXuWvEyO1E=";
    const SEED: &str = "Zr4Tq9Lw2Xk7Vn0Bm5Hc8Jd3Sf6Gy1Pu+eIaOoCQiVM=";
    /// 33 bytes: long enough for HS256, and no seed.
    const LONG: &str = "5f1c9e27a4b8036dd2e97f41c60ba83590ce14f7328bd6a95e07c13df8426ba97e";

    /// `algorithm from`, in order.
    fn read(text: &str) -> Result<Vec<String>, InvalidKeys> {
        let show = |key: &SigningKey| format!("{} {}", key.algorithm(), key.from());
        parse(text).map(|keys| keys.iter().map(show).collect())
    }

    #[test]
    fn a_list_has_keys_between_commas_and_line_breaks() {
        for (text, expected) in [
            (ONE.to_owned(), &["HS256 0"][..]),
            (format!(" {ONE} , {TWO},"), &["HS256 0", "HS256 0"]),
            (format!("{ONE}\r\n{TWO}\n"), &["HS256 0", "HS256 0"]),
            (format!("EdDSA:{SEED}"), &["EdDSA 0"]),
            (format!("{ONE}@17,EdDSA:{SEED}@1800000000"), &["HS256 17", "EdDSA 1800000000"]),
            (
                format!("# made in May, by Ada\n{LONG}\n\n  # EdDSA:x\nEdDSA:{SEED}"),
                &["HS256 0", "EdDSA 0"],
            ),
        ] {
            assert_eq!(read(&text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn se_01_a_list_with_one_wrong_entry_is_refused_without_repeating_it() {
        let weak = InvalidKeys::Weak(WeakSecret::Short);
        for (text, why) in [
            (String::new(), weak),
            (",\n# nothing".to_owned(), weak),
            (format!("{ONE},short"), weak),
            (format!("{ONE} # mine"), weak),
            (format!("EdDSA:{LONG}"), InvalidKeys::Seed),
            (format!("eddsa:{SEED}"), InvalidKeys::Algorithm),
            (format!("HS256:{ONE}"), InvalidKeys::Algorithm),
            (format!("{ONE}@"), InvalidKeys::From),
            (format!("{ONE}@-1"), InvalidKeys::From),
            (format!("{ONE}@+1"), InvalidKeys::From),
            (format!("{ONE}@soon"), InvalidKeys::From),
            (format!("{ONE}@99999999999999999999"), InvalidKeys::From),
            (format!("@5,{ONE}"), weak),
            (format!("{ONE},EdDSA:{ONE}"), InvalidKeys::Reused),
            (format!("{ONE},{ONE}@5"), InvalidKeys::Reused),
            (format!("{{\"kty\":\"oct\",\"k\":\"{ONE}\"}}"), InvalidKeys::Algorithm),
        ] {
            let refused = parse(&text).unwrap_err();
            assert_eq!(discriminant(&refused), discriminant(&why), "{text}: {refused}");
            assert!(!refused.to_string().contains(&ONE[..8]), "{refused}");
        }
    }

    #[test]
    fn an_entry_reads_as_the_key_it_was_made_of() {
        let secret = Secret::parse(SEED).unwrap();
        assert_eq!(entry(Algorithm::Hs256, &secret, 0), SEED);
        assert_eq!(entry(Algorithm::EdDsa, &secret, 9), format!("EdDSA:{SEED}@9"));
        assert_eq!(read(&entry(Algorithm::EdDsa, &secret, 9)).unwrap(), ["EdDSA 9"]);
    }

    #[test]
    fn what_people_wrote_stays_when_keys_come_and_go() {
        let id = |text: &str| parse(text).unwrap().iter().next().unwrap().id();
        let text = format!("# ours, all of them\n{ONE},{TWO}\n\n# next\n");
        let seed = format!("EdDSA:{SEED}@7");
        let longer = with(&text, &seed);
        assert_eq!(longer, format!("{text}{seed}\n"));
        assert_eq!(without(&longer, &id(&seed)), text);
        assert_eq!(without(&text, &id(ONE)), format!("# ours, all of them\n{TWO}\n\n# next\n"));
        assert_eq!(without(&text, "nobody's"), text);
        assert_eq!(with(ONE, TWO), format!("{ONE}\n{TWO}\n"));
    }
}
