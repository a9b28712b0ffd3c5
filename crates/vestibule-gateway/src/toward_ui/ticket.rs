//! What server code of a UI shows for its visitor instead of a session cookie: sealed, short-lived, and only good for
//! calls to the API. A ticket is given with each request; a handover is a session that such code has begun itself.

use std::net::IpAddr;

use crate::frames::{Frames, framed};
use crate::seal::{NoRandomness, Purpose, SealKeys, Sealer};
use crate::session::Session;
use crate::site::Site;

/// Seals and opens both.
#[derive(Debug)]
pub(crate) struct Tickets {
    tickets: Sealer,
    handovers: Sealer,
}

/// Seconds that either holds at most.
const LIFE: i64 = 300;

/// What is in one.
#[derive(Debug)]
struct Content {
    /// In a ticket without its refresh token.
    session: Session,
    /// The visitor's.
    address: Option<IpAddr>,
    until: i64,
}

/// A ticket that opened, and holds.
#[derive(Debug)]
pub(super) struct Ticket {
    /// One that can't be refreshed.
    pub(super) session: Session,
    pub(super) address: Option<IpAddr>,
}

impl Tickets {
    pub(super) fn new(site: &Site, keys: &SealKeys) -> Self {
        Self {
            tickets: keys.sealer(Purpose::Ticket, "x-vestibule-session", site.origin()),
            handovers: keys.sealer(Purpose::Handover, "access_token", site.origin()),
        }
    }

    /// A ticket for a visitor at `address`; `None` once his access token is dead.
    pub(super) fn issue(&self, session: &Session, address: IpAddr, now: i64) -> Option<String> {
        let until = now.saturating_add(LIFE).min(session.access_until).min(session.ends_at);
        let session = Session { refresh: None, ..session.clone() };
        let content = Content { session, address: Some(address), until };
        if now >= until { None } else { sealed(&self.tickets, &content).ok() }
    }

    /// What is in a ticket; `None` if it is not authentic, or its time is over.
    pub(super) fn open(&self, text: &str, now: i64) -> Option<Ticket> {
        let Content { session, address, .. } = opened(&self.tickets, text, now)?;
        Some(Ticket { session, address })
    }

    /// A session on its way to the browser, both tokens in it.
    ///
    /// # Errors
    /// [`NoRandomness`] if the system's generator fails.
    pub(super) fn hand_over(&self, session: &Session, now: i64) -> Result<String, NoRandomness> {
        let until = now.saturating_add(LIFE).min(session.ends_at);
        sealed(&self.handovers, &Content { session: session.clone(), address: None, until })
    }

    /// The session in a handover; `None` if it is not authentic, or its time is over.
    pub(super) fn take_over(&self, text: &str, now: i64) -> Option<Session> {
        Some(opened(&self.handovers, text, now)?.session)
    }
}

fn sealed(sealer: &Sealer, content: &Content) -> Result<String, NoRandomness> {
    let address = content.address.map(|address| address.to_string()).unwrap_or_default();
    let (session, until) = (content.session.pack(), content.until.to_be_bytes());
    sealer.seal(&framed(&[session.as_slice(), address.as_bytes(), &until]))
}

fn opened(sealer: &Sealer, text: &str, now: i64) -> Option<Content> {
    let plaintext = sealer.open(text).ok()?;
    let mut frames = Frames::of(&plaintext);
    let session = Session::unpack(frames.bytes()?)?;
    let content =
        Content { session, address: frames.text()?.parse().ok(), until: frames.number()? };
    (now < content.until).then_some(content)
}

#[cfg(test)]
mod tests {
    use vestibule_types::Secret;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

    fn keys(first: u8, older: &[u8]) -> SealKeys {
        let secret = |seed: u8| Secret::from_random([seed; 32]);
        SealKeys::new(secret(first), older.iter().map(|seed| secret(*seed)).collect())
    }

    fn tickets_at(site: &str, keys: &SealKeys) -> Tickets {
        Tickets::new(&site.parse().unwrap(), keys)
    }

    fn tickets() -> Tickets {
        tickets_at("https://app.example.com", &keys(1, &[]))
    }

    #[test]
    fn a_ticket_holds_the_session_without_what_could_refresh_it() {
        let session = Session::sample(NOW);
        let text = tickets().issue(&session, CLIENT, NOW).unwrap();
        let opened = tickets().open(&text, NOW).unwrap();
        assert_eq!(opened.session, Session { refresh: None, ..session });
        assert_eq!(opened.address, Some(CLIENT));
        assert!(!text.contains("canary"), "CK-03: {text}");
    }

    #[test]
    fn a_ticket_ends_after_five_minutes_and_with_its_access_token_and_its_session() {
        for (access, end, lives) in [(1_800, 9_000, 300), (20, 9_000, 20), (1_800, 7, 7)] {
            let session =
                Session { access_until: NOW + access, ends_at: NOW + end, ..Session::sample(NOW) };
            let text = tickets().issue(&session, CLIENT, NOW).unwrap();
            assert!(tickets().open(&text, NOW + lives - 1).is_some(), "{lives} s");
            assert!(tickets().open(&text, NOW + lives).is_none(), "{lives} s");
        }
        let dead = Session { access_until: NOW, ..Session::sample(NOW) };
        assert_eq!(tickets().issue(&dead, CLIENT, NOW), None);
    }

    #[test]
    fn ky_04_a_ticket_opens_here_and_for_this_alone() {
        let session = Session::sample(NOW);
        let ticket = tickets().issue(&session, CLIENT, NOW).unwrap();
        let handover = tickets().hand_over(&session, NOW).unwrap();
        assert_eq!(tickets().take_over(&handover, NOW + 299), Some(session));
        assert_eq!(tickets().take_over(&handover, NOW + 300), None);
        assert_eq!(tickets().take_over(&ticket, NOW), None);
        assert!(tickets().open(&handover, NOW).is_none());
        let elsewhere = tickets_at("https://other.example.com", &keys(1, &[]));
        assert!(elsewhere.open(&ticket, NOW).is_none());
        for broken in ["", "v1", &ticket[1..], &ticket[..ticket.len() - 2], &format!("{ticket}A")] {
            assert!(tickets().open(broken, NOW).is_none(), "{broken}");
        }
    }

    #[test]
    fn ky_03_tickets_outlive_a_change_of_secrets_in_two_steps() {
        let at = |keys: &SealKeys| tickets_at("https://app.example.com", keys);
        let ticket = tickets().issue(&Session::sample(NOW), CLIENT, NOW).unwrap();
        assert!(at(&keys(2, &[1])).open(&ticket, NOW).is_some());
        assert!(at(&keys(2, &[])).open(&ticket, NOW).is_none());
    }
}
