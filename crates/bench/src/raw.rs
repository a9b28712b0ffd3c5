//! What the machine can do at best: the raw cryptography under a token, a cookie and a password, and the two pieces beside it. In one
//! thread, by its CPU time, in turns.

use std::hint::black_box;
use std::path::Path;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use vestibule_gateway::Opened;
use vestibule_types::Clock;

use crate::Failure;
use crate::clock::own_cpu;
use crate::fixture::{self, NOW};
use crate::table::{Goal, Row, Spread};

/// How often a thing is done in a round.
const TIMES: u32 = 20_000;

/// Argon2id as the API has it: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;

/// Token and cookie beside the raw cryptography of the same bytes.
pub(crate) async fn rows(folder: &Path, rounds: u32) -> Result<Vec<Row>, Failure> {
    let tokens = fixture::tokens(folder)?;
    let (api, _) = fixture::api(folder, &Clock::stopped_at(NOW)).await?;
    let signed = tokens.access.rsplit_once('.').ok_or("a token has three parts")?.0;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let cookie = fixture::cookie()?;
    let headers = fixture::browser(&cookie, &fixture::session(&tokens)?)?;
    let value = headers["cookie"].len();

    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        let before = own_cpu();
        for _ in 0..TIMES {
            black_box(hmac::sign(black_box(&key), black_box(signed.as_bytes())));
        }
        times[0].push(nanoseconds(before));
        let before = own_cpu();
        for _ in 0..TIMES {
            if !api.is_live(black_box(&tokens.access)).await {
                return Err("the token is not alive".into());
            }
        }
        times[1].push(nanoseconds(before));
        times[2].push(raw_open(value)?);
        let before = own_cpu();
        for _ in 0..TIMES {
            if !matches!(black_box(&cookie).read(black_box(&headers), NOW), Opened::Session(_)) {
                return Err("the cookie does not open".into());
            }
        }
        times[3].push(nanoseconds(before));
    }
    let [hmac, token, aead, cookie] = times;
    Ok(vec![
        row(
            "access token check: expiry, kind, session, account",
            &token,
            "raw HMAC-SHA256 of the same bytes",
            &hmac,
            1.8,
        ),
        row(
            "cookie: find, decode, derive, open, read",
            &cookie,
            "raw AES-256-GCM open of the same bytes",
            &aead,
            6.0,
        ),
    ])
}

fn nanoseconds(before: std::time::Duration) -> f64 {
    (own_cpu() - before).as_nanos() as f64 / f64::from(TIMES)
}

/// Nanoseconds to open as many bytes as a cookie of `length` characters has. The copy is not part of it.
fn raw_open(length: usize) -> Result<f64, Failure> {
    let broken = |_| "the raw seal is broken";
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(broken)?);
    let nonce = || Nonce::assume_unique_for_key([0; 12]);
    let mut sealed = vec![7; length * 3 / 4];
    key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).map_err(broken)?;
    let mut copies = vec![sealed; TIMES as usize];
    let before = own_cpu();
    for copy in &mut copies {
        black_box(&key).open_in_place(nonce(), Aad::empty(), black_box(copy)).map_err(broken)?;
    }
    Ok(nanoseconds(before))
}

fn row(what: &str, ours: &[f64], against: &str, raw: &[f64], most: f64) -> Row {
    let ratios = ours.iter().zip(raw).map(|(ours, raw)| ours / raw).collect();
    let [ns, raw_ns] = [ours, raw].map(|times| Spread::of(times.to_vec()).median);
    Row {
        what: what.to_owned(),
        against: against.to_owned(),
        figures: format!("{ns:.0} / {raw_ns:.0} ns"),
        measured: Spread::of(ratios),
        unit: "x",
        goal: Goal::AtMost(most),
    }
}

/// Memory for one password at a time, kept from one to the next.
pub(crate) struct Hasher {
    arena: Vec<Block>,
    argon2: Argon2<'static>,
}

impl Hasher {
    pub(crate) fn new() -> Result<Self, Failure> {
        let params = Params::new(MEMORY_KIB, 2, 1, Some(32)).map_err(|why| why.to_string())?;
        let arena = vec![Block::default(); params.block_count()];
        Ok(Self { arena, argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params) })
    }

    /// Hashes a password once.
    pub(crate) fn hash(&mut self) -> Result<(), Failure> {
        let mut out = [0; 32];
        let hashed = self.argon2.hash_password_into_with_memory(
            b"Str1ngst!",
            &[7; 16],
            &mut out,
            &mut self.arena,
        );
        hashed.map_err(|why| why.to_string())?;
        black_box(out);
        Ok(())
    }
}
