//! What a UI upstream such as Next.js is told of its visitor, and what it may say back (contract: Next.js, design A): a
//! signed identity, a ticket for its own calls to the API, and sessions that begin and end in its code. No session
//! cookie gets there (GW-04).

mod adopt;
mod changed;
mod guest;
mod hand_down;
mod handover;
mod identity;
mod lead_on;
mod next_key;
mod resolve;
mod routes;
mod ticket;

use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;

use crate::caching::is_file;
use crate::gateway::Gateway;
use crate::route::Route;
use crate::seal::SealKeys;
use crate::session::Session;
use crate::site::Site;
use crate::visitor::Visitor;

pub(crate) use adopt::adopt;
use changed::Changed;
pub(crate) use changed::catch_up;
pub(crate) use guest::guest;
pub(crate) use handover::entrance;
use identity::IdentityKeys;
use lead_on::Led;
pub use next_key::NextKey;
pub(crate) use routes::{EXPIRED, owns, router};
use ticket::Tickets;

/// What an upstream gets of the visitor's session, fresh before each request; each has what those before it have.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "kebab-case")]
pub enum SessionPolicy {
    /// Nothing.
    #[default]
    None,
    /// Who it is, signed, and which page was asked for.
    Identity,
    /// Also a ticket, with which its server code calls the API through the gateway.
    Ticket,
    /// Also the access token itself, as a cookie and as `Authorization`, for code that expects one.
    Token,
}

/// Why a text is not a [`SessionPolicy`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("has to be none, identity, ticket or token")]
pub struct InvalidSessionPolicy;

impl FromStr for SessionPolicy {
    type Err = InvalidSessionPolicy;

    fn from_str(text: &str) -> Result<Self, InvalidSessionPolicy> {
        match text {
            "none" => Ok(Self::None),
            "identity" => Ok(Self::Identity),
            "ticket" => Ok(Self::Ticket),
            "token" => Ok(Self::Token),
            _ => Err(InvalidSessionPolicy),
        }
    }
}

/// Keys for what is said to a UI, and what it said last.
#[derive(Debug)]
pub(crate) struct TowardUi {
    identity: IdentityKeys,
    tickets: Tickets,
    next_key: NextKey,
    pub(crate) changed: Changed,
    led: Led,
}

const IDENTITY: HeaderName = HeaderName::from_static("x-vestibule-identity");
const PATH: HeaderName = HeaderName::from_static("x-vestibule-path");
/// Holds the ticket, both ways.
const TICKET: HeaderName = HeaderName::from_static("x-vestibule-session");

impl TowardUi {
    pub(crate) fn new(site: &Site, keys: &SealKeys) -> Self {
        let (identity, tickets) = (IdentityKeys::new(keys), Tickets::new(site, keys));
        let next_key = NextKey::new(keys);
        Self { identity, tickets, next_key, changed: Changed::default(), led: Led::default() }
    }
}

/// What an upstream behind `route` gets of a visitor's session when `path` is asked for. Files are the same for
/// everybody: those of a build always, others where no session is needed (G9).
pub(crate) fn told(route: &Route, path: &str, is_guarded: bool) -> SessionPolicy {
    if is_file(path, is_guarded) { SessionPolicy::None } else { route.session }
}

/// Tells an upstream who asks, and for what: `uri` as the browser sent it. Copies of these headers that came from
/// the client are gone by now (GW-02).
pub(crate) fn introduce(
    gateway: &Gateway,
    visitor: &Visitor,
    policy: SessionPolicy,
    uri: &Uri,
    headers: &mut HeaderMap,
) {
    if policy == SessionPolicy::None {
        return;
    }
    if policy == SessionPolicy::Token {
        hand_down::forget_tokens(headers);
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // A query may have bytes beyond ASCII; a header may too.
    headers.extend(HeaderValue::from_bytes(path.as_bytes()).ok().map(|path| (PATH, path)));
    let Some(session) = visitor.session() else { return };
    headers.insert(IDENTITY, secret(&gateway.identity(&session)));
    if policy >= SessionPolicy::Ticket
        && let Some(ticket) = gateway.ticket(visitor, &session)
    {
        headers.insert(TICKET, secret(&ticket));
    }
    if policy == SessionPolicy::Token && gateway.0.clock.now() < session.access_until {
        hand_down::hand_down(headers, &session.access);
    }
}

fn secret(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).expect("base64url and points are ASCII");
    value.set_sensitive(true);
    value
}

impl Gateway {
    /// Whose session it is, signed for a minute.
    fn identity(&self, session: &Session) -> String {
        self.0.toward_ui.identity.sign(session, self.0.site.origin(), self.0.clock.now())
    }

    /// What server code calls the API with; `None` once the access token is dead.
    fn ticket(&self, visitor: &Visitor, session: &Session) -> Option<String> {
        self.0.toward_ui.tickets.issue(session, visitor.address(), self.0.clock.now())
    }
}
