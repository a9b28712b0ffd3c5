//! Browser sessions in front of an API: seal, refresh, guard, forward. Keeps no state.
//!
//! A browser holds one sealed cookie and nothing else; behind the gateway the API sees a bearer
//! token and nothing else. What may cross, and under which name, is decided in this crate alone.

mod arrival;
mod browser;
mod caching;
mod cookie;
mod ended;
mod explain;
mod feed;
mod flight;
mod forward;
mod forward_auth;
mod gateway;
mod guard;
pub mod headers;
mod host;
mod original;
mod pass;
mod passage;
mod path;
mod plan;
mod problem;
mod requests;
mod return_path;
mod revoked;
mod role;
mod route;
pub mod same_origin;
mod seal;
mod session;
mod sign;
mod site;
mod stream;
mod tokens;
mod upstream;
mod visitor;

pub use arrival::HopSettings;
pub use cookie::{CookieError, Opened, SessionCookie};
pub use explain::Explanation;
pub use feed::FeedLost;
pub use gateway::{Gateway, GatewaySettings, NoAnswer};
pub use guard::{Wants, ask_to_sign_in, redirect};
pub use host::{HostName, InvalidHost};
pub use pass::Pass;
pub use passage::{Passage, Stopping};
pub use path::{BadPath, CanonicalPath, InvalidPattern, PathPattern, Segment};
pub use plan::{Plan, PlanSettings};
pub use problem::{Problem, name_request};
pub use return_path::ReturnPath;
pub use route::{HostPolicy, InvalidRoute, InvalidSize, RouteSpec, Size, TokenPolicy};
pub use seal::{NoRandomness, OpenError, Purpose, SealKeys, Sealer};
pub use session::{InvalidSessionTag, Session, SessionChange, SessionTag, SessionUser, SpreadKey};
pub use sign::SignIn;
pub use site::{InvalidSite, Site};
pub use upstream::{HealthCheck, InvalidUpstream, Outage, Upstream, UpstreamSpec};
pub use visitor::Visitor;
