use serde::{Deserialize, Serialize};

use crate::{Access, Token, UserId};

/// A user as the wire shows one: exactly these keys, in this order (contract: identity API, section 4).
///
/// `email` is `null` when the account is somebody else's (section 8, row 8).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct User {
    /// Number of the account; never reused.
    pub id: UserId,
    /// What the person wants to be called.
    pub name: String,
    /// Public handle.
    pub username: String,
    /// Address, as its owner spells it.
    pub email: Option<String>,
    /// Where the picture is; never null.
    pub profile_image_url: String,
    /// Number of the tier, if there is one.
    pub tier_id: Option<i64>,
}

/// The answer of `/login` and `/refresh`; the refresh token travels in a cookie beside it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TokenAnswer {
    /// Opens the API until it expires.
    pub access_token: Token<Access>,
    /// Always `bearer`.
    pub token_type: String,
}

/// `{"message": "…"}`: what was done.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Message {
    /// For people, and stable.
    pub message: String,
}

impl Message {
    /// `{"message": text}`.
    pub fn new(text: &str) -> Self {
        Self { message: text.to_owned() }
    }
}

/// One place where a user is signed in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SessionEntry {
    /// Opaque handle; it opens nothing.
    pub id: String,
    /// Unix seconds of the login.
    pub created: i64,
    /// Unix seconds of the last use, rounded down to the hour: an exact time would help a thief to
    /// stay in step (LG-07).
    pub last_used: i64,
    /// Unix seconds at which it ends whatever happens.
    pub expires_at: i64,
    /// The `User-Agent` of the login, cut to 256 characters.
    pub agent: String,
    /// The client's address at the login.
    pub address: String,
    /// Whether it is the one that asks.
    pub current: bool,
}
