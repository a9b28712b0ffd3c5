use serde::{Deserialize, Serialize};

use crate::{Access, Timestamp, Token, UserId};

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

/// An account as `/user/me` shows it to its owner, and nobody else: the keys of [`User`] first, then those that the
/// contract does not have.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Account {
    /// What the contract knows of it.
    #[serde(flatten)]
    pub user: User,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last changed something about it: a field or the password. At first when it was made.
    pub updated_at: Timestamp,
    /// Whether its owner has shown that mail to `email` arrives. A new address is not verified.
    pub email_verified: bool,
}

/// Whether a username can be registered now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Availability {
    /// Whether it can.
    pub available: bool,
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

#[cfg(test)]
mod tests {
    use super::{Account, User};
    use crate::{Timestamp, UserId};

    #[test]
    fn an_account_has_the_six_keys_of_the_contract_in_their_order_and_then_its_own() {
        let user = User {
            id: UserId::new(1),
            name: "Ada Lovelace".to_owned(),
            username: "ada".to_owned(),
            email: Some("ada@example.com".to_owned()),
            profile_image_url: "https://profileimageurl.com".to_owned(),
            tier_id: None,
        };
        let six = r#"{"id":1,"name":"Ada Lovelace","username":"ada","email":"ada@example.com","profile_image_url":"https://profileimageurl.com","tier_id":null"#;
        assert_eq!(serde_json::to_string(&user).unwrap(), format!("{six}}}"));
        let account = Account {
            user,
            created_at: Timestamp(1_795_386_600),
            updated_at: Timestamp(1_795_386_601),
            email_verified: false,
        };
        let more = r#","created_at":"2026-11-22T22:30:00.000Z","updated_at":"2026-11-22T22:30:01.000Z","email_verified":false}"#;
        assert_eq!(serde_json::to_string(&account).unwrap(), format!("{six}{more}"));
    }
}
