//! The words and the wire shapes that every part of Vestibule shares: parsed once, at the edge.
//!
//! Whoever holds a [`Username`] or an [`Email`] knows that it is well-formed; whoever holds a
//! [`Secret`] knows that it is long and unguessable enough to be a key. No I/O, no async.

mod address_range;
mod client_address;
mod clock;
mod email;
mod error_body;
mod forwarded;
mod names;
mod password;
mod problem_details;
mod secret;
mod signed_in;
mod timestamp;
mod token;
mod trusted_hops;
mod user;
mod user_id;
mod wiped;

pub use address_range::{AddressRange, InvalidRange};
pub use client_address::ClientAddress;
pub use clock::Clock;
pub use email::Email;
pub use error_body::{Detail, DetailKind, FieldError, Invalid};
pub use names::{DisplayName, PictureUrl, Username};
pub use password::Password;
pub use problem_details::{PROBLEM_JSON, ProblemDetails};
pub use secret::{Secret, WeakSecret};
pub use signed_in::SignedIn;
pub use timestamp::Timestamp;
pub use token::{Access, Refresh, Token, TokenKind};
pub use trusted_hops::{Arrival, TrustedHops};
pub use user::{Account, Availability, Message, SessionEntry, TokenAnswer, User};
pub use user_id::UserId;
pub use wiped::{Wipe, Wiped};
