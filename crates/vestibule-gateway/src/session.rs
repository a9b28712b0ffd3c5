use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule_types::{Access, Refresh, Token, Wiped};

use crate::account::AccountId;
use crate::frames::{Frames, framed};
use crate::seal::{NoRandomness, SealKeys};

/// What one browser's session cookie holds. Whoever has one opened it from an authentic cookie, or has
/// just begun it. All times are Unix seconds by the gateway's clock.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The gateway's own name for the session.
    pub sid: SessionTag,
    /// What the API is called with.
    pub access: Token<Access>,
    /// What fetches the next access token; `None` if the API gave none.
    pub refresh: Option<Token<Refresh>>,
    /// When this access token was received.
    pub access_from: i64,
    /// When this access token dies.
    pub access_until: i64,
    /// When the person signed in.
    pub began: i64,
    /// When the session ends whatever happens; the cookie lives exactly as long (CK-06), or until the browser is
    /// closed.
    pub ends_at: i64,
    /// Whether the browser keeps the cookie when it is closed.
    pub persistent: bool,
    /// Who signed in, as last heard from the API.
    pub user: SessionUser,
}

/// The user as pages need to know one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionUser {
    /// Identity of the account.
    pub id: AccountId,
    /// Public handle.
    pub username: String,
    /// What the person wants to be called.
    pub name: String,
    /// Address, if the API told it.
    pub email: Option<String>,
}

/// What an answer does to the cookie: every answer says one of these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionChange {
    /// Nothing: no `Set-Cookie` is sent.
    Keep,
    /// This session is the browser's from now on: a login, or a refresh.
    Replace(Session),
    /// Signed out, on a definitive verdict only: the cookie is deleted (CK-09).
    End,
}

/// A session's name within the gateway: 128 random bits (LG-02), shown as 22 characters of base64url. The API
/// does not know it, and it opens nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionTag([u8; 16]);

/// Decides, per refresh token and unpredictably for others, where in the window its refresh falls.
#[derive(Clone, Debug)]
pub struct SpreadKey(hmac::Key);

/// A refresh falls at the latest this part of an access token's life before its end: 60 s of 30 min.
const LATEST: i64 = 30;
/// And at the earliest this part: 300 s of 30 min.
const EARLIEST: i64 = 6;
/// However short the life, a refresh leads the end by this many seconds.
const LEAST_LEAD: i64 = 1;
/// Older than this part of an access token's life, a cookie is not sent any more: 30 s of 30 min.
const LATE: i64 = 60;

impl Session {
    /// The session as bytes, which is what is sealed. A gateway that keeps more of a session adds it at the end, and
    /// those before it pass over that (F25).
    pub(crate) fn pack(&self) -> Wiped<Vec<u8>> {
        let Self { sid, access, refresh, user, .. } = self;
        let times = [self.access_from, self.access_until, self.began, self.ends_at];
        let [access_from, access_until, began, ends_at] = times.map(i64::to_be_bytes);
        framed(&[
            sid.0.as_slice(),
            access.reveal().as_bytes(),
            refresh.as_ref().map_or("", Token::reveal).as_bytes(),
            &access_from,
            &access_until,
            &began,
            &ends_at,
            &[u8::from(self.persistent)],
            &user.id.pack(),
            user.username.as_bytes(),
            user.name.as_bytes(),
            user.email.as_deref().unwrap_or_default().as_bytes(),
        ])
    }

    /// What [`Session::pack`] made bytes of; `None` if it was something else.
    pub(crate) fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut frames = Frames::of(bytes);
        // As they stand here.
        Some(Self {
            sid: SessionTag(frames.bytes()?.try_into().ok()?),
            access: Token::from(frames.text()?.to_owned()),
            refresh: some_text(frames.text()?).map(Token::from),
            access_from: frames.number()?,
            access_until: frames.number()?,
            began: frames.number()?,
            ends_at: frames.number()?,
            persistent: frames.bytes()? == [1],
            user: SessionUser {
                id: AccountId::unpack(frames.bytes()?)?,
                username: frames.text()?.to_owned(),
                name: frames.text()?.to_owned(),
                email: some_text(frames.text()?),
            },
        })
    }

    /// Seconds that the present access token lives in all.
    pub fn access_life(&self) -> i64 {
        self.access_until.saturating_sub(self.access_from).max(0)
    }

    /// When the present access token is to be refreshed: between a thirtieth and a sixth of its life
    /// before its end, by a secret function of the refresh token. So neither do sessions that began
    /// together refresh together, nor can a thief aim at the moment (RF-13).
    pub fn refresh_due_at(&self, spread: &SpreadKey) -> i64 {
        let text = self.refresh.as_ref().map_or(self.access.reveal(), Token::reveal);
        let (least, most) = (self.access_life() / LATEST, self.access_life() / EARLIEST);
        let lead = least + spread.position(text, most - least);
        self.access_until.saturating_sub(lead.max(LEAST_LEAD))
    }

    /// Whether that moment has come. While it can't have, for five sixths of the token's life, nothing is computed.
    pub fn is_refresh_due(&self, spread: &SpreadKey, now: i64) -> bool {
        let most = (self.access_life() / EARLIEST).max(LEAST_LEAD);
        now >= self.access_until.saturating_sub(most) && now >= self.refresh_due_at(spread)
    }

    /// Seconds after which a `Set-Cookie` that was born at the start of a request is not sent any more: losing it
    /// is safe, setting the browser's jar back is not (CK-08). At least one.
    pub fn late_after(&self) -> i64 {
        (self.access_life() / LATE).max(1)
    }

    /// Whether the session has come to its absolute end.
    pub fn is_over(&self, now: i64) -> bool {
        now >= self.ends_at
    }
}

/// No token and no address is empty.
fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl SessionTag {
    /// A new name, from the system's random generator.
    ///
    /// # Errors
    /// [`NoRandomness`] if the generator fails.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// What scripts may see of it (the hint cookie): 16 characters of base64url, always the same for
    /// one session, from which nobody finds the tag.
    pub(crate) fn hint(&self) -> String {
        let key = hmac::Key::new(HMAC_SHA256, &self.0);
        URL_SAFE_NO_PAD.encode(&hmac::sign(&key, b"vestibule hint").as_ref()[..12])
    }
}

impl From<[u8; 16]> for SessionTag {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SessionTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl SpreadKey {
    /// The key that gateways with the same first secret share.
    pub fn new(keys: &SealKeys) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, keys.derive("refresh spread").as_slice()))
    }

    /// A number from 0 to `most` inclusive, evenly spread over texts.
    fn position(&self, text: &str, most: i64) -> i64 {
        let tag = hmac::sign(&self.0, text.as_bytes());
        let random = *tag.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
        let scaled = u128::from(u64::from_be_bytes(random)) * (most.unsigned_abs() as u128 + 1);
        i64::try_from(scaled >> 64).unwrap_or(most)
    }
}

#[cfg(test)]
impl Session {
    /// A session that begins at `now`, with an access life of 30 minutes and an end after 7 days.
    pub(crate) fn sample(now: i64) -> Self {
        Self {
            sid: SessionTag::random().unwrap(),
            access: Token::from("aaa.access-canary.ccc".to_owned()),
            refresh: Some(Token::from("aaa.refresh-canary.ccc".to_owned())),
            access_from: now,
            access_until: now + 1_800,
            began: now,
            ends_at: now + 7 * 24 * 3_600,
            persistent: true,
            user: SessionUser {
                id: AccountId::Number(7),
                username: "ada".to_owned(),
                name: "Ada Lovelace".to_owned(),
                email: Some("ada@example.com".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use vestibule_types::Secret;

    use super::*;

    fn spread(seed: u8) -> SpreadKey {
        SpreadKey::new(&SealKeys::new(Secret::from_random([seed; 32]), vec![]))
    }

    fn session_with(refresh: &str, life: i64) -> Session {
        let refresh = Some(Token::from(refresh.to_owned()));
        Session { refresh, access_until: 1_000 + life, ..Session::sample(1_000) }
    }

    fn lead(session: &Session, key: &SpreadKey) -> i64 {
        session.access_until - session.refresh_due_at(key)
    }

    #[test]
    fn rf_13_refreshes_are_spread_evenly_over_60_to_300_seconds_before_expiry() {
        let key = spread(1);
        let mut by_minute = [0; 4];
        for n in 0..4_000 {
            let lead = lead(&session_with(&format!("token {n}"), 1_800), &key);
            assert!((60..=300).contains(&lead), "{lead} s");
            by_minute[usize::try_from((lead - 60) / 60).unwrap().min(3)] += 1;
        }
        assert!(by_minute.iter().all(|count| (850..1_150).contains(count)), "{by_minute:?}");
    }

    #[test]
    fn rf_13_the_moment_depends_on_the_token_and_on_the_secret_alone() {
        let session = session_with("token", 1_800);
        let renamed = Session { access: Token::from("other".to_owned()), ..session.clone() };
        assert_eq!(lead(&session, &spread(1)), lead(&renamed, &spread(1)));
        let leads: HashSet<i64> = (0..20).map(|seed| lead(&session, &spread(seed))).collect();
        assert!(leads.len() > 10, "{leads:?}");
    }

    #[test]
    fn rf_13_however_short_the_life_the_refresh_comes_before_its_end() {
        for life in 0..12 {
            assert!(lead(&session_with("token", life), &spread(1)) >= 1, "{life} s");
        }
    }

    #[test]
    fn ck_08_a_cookie_is_late_after_30_seconds_of_30_minutes_and_never_sooner_than_after_one() {
        for (life, late) in [(1_800, 30), (360, 6), (86_400, 1_440), (59, 1), (0, 1)] {
            assert_eq!(session_with("token", life).late_after(), late, "{life} s");
        }
    }

    #[test]
    fn without_a_refresh_token_the_access_token_decides() {
        let key = spread(1);
        let leads: HashSet<i64> = (0..20)
            .map(|n| Session {
                access: Token::from(format!("{n}")),
                refresh: None,
                ..Session::sample(0)
            })
            .map(|session| lead(&session, &key))
            .collect();
        assert!(leads.len() > 10, "{leads:?}");
    }

    #[test]
    fn lg_02_a_tag_is_128_random_bits() {
        let tags: HashSet<SessionTag> = (0..1_000).map(|_| SessionTag::random().unwrap()).collect();
        assert_eq!(tags.len(), 1_000);
        for tag in tags {
            assert_eq!(URL_SAFE_NO_PAD.decode(tag.to_string()).unwrap(), tag.0);
        }
    }

    #[test]
    fn a_hint_is_short_constant_and_unlike_its_tag() {
        let tag = SessionTag::random().unwrap();
        assert_eq!(tag.hint(), SessionTag(tag.0).hint());
        assert_eq!(tag.hint().len(), 16);
        assert!(!tag.to_string().contains(&tag.hint()));
        assert_ne!(tag.hint(), SessionTag::random().unwrap().hint());
    }

    #[test]
    fn se_05_a_session_shows_no_token() {
        let shown = format!("{:?}", Session::sample(0));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_session_comes_back_from_its_bytes_whoever_it_is_of() {
        let session = Session::sample(0);
        let uuid = AccountId::Text("0199e7f2-6f3b".into());
        let user = SessionUser { id: uuid, email: None, ..session.user.clone() };
        let other = Session { refresh: None, persistent: false, user, ..session.clone() };
        for session in [session, other] {
            assert_eq!(Session::unpack(&session.pack()), Some(session));
        }
    }

    #[test]
    fn f25_what_a_newer_gateway_adds_to_a_session_is_passed_over() {
        let session = Session::sample(0);
        let newer = [session.pack().as_slice(), framed(&["more", "than this"]).as_slice()].concat();
        assert_eq!(Session::unpack(&newer), Some(session));
    }

    #[test]
    fn bytes_that_are_cut_short_are_no_session() {
        let bytes = Session::sample(0).pack();
        for length in 0..bytes.len() {
            assert_eq!(Session::unpack(&bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_session_is_over_from_its_end_on() {
        let session = Session::sample(0);
        assert!(!session.is_over(session.ends_at - 1));
        assert!(session.is_over(session.ends_at));
    }

    proptest! {
        #[test]
        fn rf_13_the_lead_is_part_of_the_life_and_never_nothing(token: String, life in 0..1_000_000i64) {
            let lead = lead(&session_with(&token, life), &spread(1));
            prop_assert!(lead >= 1);
            prop_assert!(lead >= life / 30 && lead <= (life / 6).max(1), "{} s of {} s", lead, life);
        }

        #[test]
        fn rf_13_a_refresh_is_due_from_its_moment_on(life in 0..2_000i64, now in 0..4_000i64) {
            let (session, key) = (session_with("token", life), spread(1));
            prop_assert_eq!(session.is_refresh_due(&key, now), now >= session.refresh_due_at(&key));
        }

        #[test]
        fn no_moment_is_out_of_range(access_from: i64, access_until: i64) {
            let session = Session { access_from, access_until, ..Session::sample(0) };
            prop_assert!(session.refresh_due_at(&spread(1)) <= access_until);
        }
    }
}
