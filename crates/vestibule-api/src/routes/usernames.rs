use axum::Json;
use axum::extract::{RawQuery, State};
use vestibule_types::{Availability, Invalid, Username};

use crate::Api;
use crate::client::Client;
use crate::error::ApiError;

/// `GET /username-available?username=…`: whether a registration could have that name now. Needs no token. Answers 200;
/// 422 for a name that no registration takes (capitals, for one), 429 for an address that asks about too many.
///
/// A name is not available if an account has it or had it, if a rename has just given it up, or if it is a word that
/// routes use. Nobody's own name is available to him.
#[tracing::instrument(name = "username.check", skip_all)]
pub(crate) async fn check(
    State(api): State<Api>,
    client: Client,
    RawQuery(query): RawQuery,
) -> Result<Json<Availability>, ApiError> {
    let now = api.0.clock.now();
    api.0.name_limit.take(client.address, now)?;
    let username = asked_for(query.as_deref().unwrap_or_default())?;
    let available = match Username::chosen(username.as_str()) {
        Ok(username) => api.0.store.taken(None, Some(&username), None, now).await?.is_none(),
        // Well-formed and refused all the same: a word that routes use.
        Err(_) => false,
    };
    Ok(Json(Availability { available }))
}

/// The `username` of a query; if it was given twice, the last. What else is in the query is passed over.
fn asked_for(query: &str) -> Result<Username, ApiError> {
    let given = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "username")
        .last()
        .map(|(_, value)| value.into_owned());
    let username = given.ok_or_else(Invalid::missing).and_then(Username::try_from);
    username.map_err(|why| ApiError::Fields(vec![why.at(["query".into(), "username".into()])]))
}
