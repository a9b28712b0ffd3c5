//! Browser sessions in front of an API: seal, refresh, guard, forward. Keeps no state.
//!
//! A browser holds one sealed cookie and nothing else; behind the gateway the API sees a bearer
//! token and nothing else. What may cross, and under which name, is decided in this crate alone.

mod asked;
mod browser;
mod cookie;
mod counts;
mod ended;
mod feed;
mod flight;
mod forward;
mod gateway;
mod guard;
pub mod headers;
mod passage;
mod path;
mod problem;
mod requests;
mod return_path;
mod revoked;
pub mod same_origin;
mod seal;
mod session;
mod sign;
mod site;
mod tokens;
pub mod trace;
mod upstream;
mod visitor;

pub use cookie::{CookieError, Opened, SessionCookie};
pub use feed::FeedLost;
pub use gateway::{Gateway, GatewaySettings, NoAnswer};
pub use guard::{Wants, ask_to_sign_in, redirect};
pub use passage::{Passage, Stopping};
pub use path::{BadPath, CanonicalPath, InvalidPattern, PathPattern, Segment};
pub use problem::{Problem, name_request};
pub use return_path::ReturnPath;
pub use seal::{NoRandomness, OpenError, Purpose, SealKeys, Sealer};
pub use session::{InvalidSessionTag, Session, SessionChange, SessionTag, SessionUser, SpreadKey};
pub use sign::SignIn;
pub use site::{InvalidSite, Site};
pub use upstream::{InvalidUpstream, Outage, Upstream};
pub use visitor::Visitor;
