//! Users and sessions as the client reads them (contract: Better Auth, 3 and 8).

use serde_json::{Value, json};
use vestibule_types::{PictureUrl, SessionEntry, Timestamp};

use crate::account::{Account, AccountId};
use crate::session::Session;
use crate::tokens::facts;
use crate::visitor::Visitor;

/// A user. `began` stands in for the times of an account whose API tells none: the client needs dates.
pub(super) fn user(account: &Account, began: i64) -> Value {
    let facts = &account.facts;
    let or_began = |told: &Option<String>| told.clone().unwrap_or_else(|| moment(began));
    let mut user = json!({
        "id": id(account),
        "name": account.name,
        "email": account.email.as_ref().map(|email| email.to_lowercase()),
        "emailVerified": facts.email_verified,
        "image": image(&account.profile_image_url),
        "createdAt": or_began(&facts.created_at),
        "updatedAt": or_began(&facts.updated_at),
        "username": account.username,
        "displayUsername": account.username,
    });
    if let Some(tier) = facts.tier_id {
        user["tierId"] = tier.into();
    }
    if let Some(is_superuser) = facts.is_superuser {
        user["isSuperuser"] = is_superuser.into();
    }
    user
}

/// The account's identity as a text; its handle, if the API tells none.
pub(super) fn id(account: &Account) -> String {
    match &account.id {
        AccountId::Text(text) if text.is_empty() => account.username.clone(),
        id => id.to_string(),
    }
}

/// No picture is the API's placeholder, and the other way round.
fn image(url: &str) -> Option<&str> {
    let is_none = url.is_empty() || url == PictureUrl::default().as_str();
    (!is_none).then_some(url)
}

/// What the client calls a session by: what the API does, or else what we do. It opens nothing (LG-07).
pub(super) fn handle(session: &Session) -> String {
    let of_api = facts(&session.access).sid.filter(|sid| !sid.is_empty());
    of_api.unwrap_or_else(|| session.sid.to_string())
}

/// The session of this request.
pub(super) fn session(session: &Session, account: &Account, visitor: &Visitor) -> Value {
    let handle = handle(session);
    let agent = visitor.agent().map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    json!({
        "id": handle,
        "token": handle,
        "userId": id(account),
        "expiresAt": moment(session.ends_at),
        "createdAt": moment(session.began),
        "updatedAt": moment(session.access_from.max(session.began)),
        "ipAddress": visitor.address().to_string(),
        "userAgent": agent.unwrap_or_default(),
    })
}

/// A session somewhere else, as the API lists it. Its last use is rounded down (LG-07), and yet not before its beginning.
pub(super) fn listed(entry: &SessionEntry, account: &Account) -> Value {
    json!({
        "id": entry.id,
        "token": entry.id,
        "userId": id(account),
        "expiresAt": moment(entry.expires_at),
        "createdAt": moment(entry.created),
        "updatedAt": moment(entry.last_used.max(entry.created)),
        "ipAddress": entry.address,
        "userAgent": entry.agent,
    })
}

fn moment(seconds: i64) -> String {
    Timestamp(seconds).to_string()
}
