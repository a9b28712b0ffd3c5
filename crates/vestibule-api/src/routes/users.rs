use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use vestibule_types::{DisplayName, Email, Message, Password, PictureUrl, User, Username};

use crate::Api;
use crate::auth::{CurrentUser, Owned, Owner, UsernameInPath};
use crate::body::{Fields, FromFields, Valid};
use crate::counts;
use crate::error::ApiError;
use crate::store::{NewUser, UserChange};

/// Body of `POST /user`.
pub(crate) struct Registration {
    user: NewUser,
    password: Password,
}

impl FromFields for Registration {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", |text| DisplayName::try_from(text.to_owned()));
        let username = fields.required("username", Username::chosen);
        let email = fields.required("email", |text| Email::try_from(text.to_owned()));
        let password = fields.required("password", Password::chosen);
        let user = NewUser { name: name?, username: username?, email: email? };
        Some(Self { user, password: password? })
    }
}

impl FromFields for UserChange {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            name: fields.optional("name", |text| DisplayName::try_from(text.to_owned())),
            username: fields.optional("username", Username::chosen),
            email: fields.optional("email", |text| Email::try_from(text.to_owned())),
            profile_image_url: fields
                .optional("profile_image_url", |text| PictureUrl::try_from(text.to_owned())),
        })
    }
}

/// `POST /user`: makes an account. Answers 201 with it; 422 for fields that are malformed or taken.
#[tracing::instrument(name = "account.create", skip_all)]
pub(crate) async fn register(
    State(api): State<Api>,
    Valid(Registration { user, password }): Valid<Registration>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    let now = api.0.clock.now();
    // Asked before the hash, which costs; the database decides again when it is written.
    if let Some(taken) =
        api.0.store.taken(Some(&user.email), Some(&user.username), None, now).await?
    {
        return Err(taken.into());
    }
    let hash = api.0.hasher.hash(password).await?;
    let user = api.0.store.create_user(&user, &hash, now).await??;
    tracing::info!(user.id = %user.id, "registered");
    Ok((StatusCode::CREATED, Json(user)))
}

/// `GET /user/me`: the account the token speaks for, with what only its owner is told. 401 without a live token.
pub(crate) async fn me(current: CurrentUser) -> Response {
    let json = current.account.json.clone();
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

/// `GET /user/{username}`: an account by name; somebody else's without the e-mail address. 401 without a
/// live token, 404 for a name that nobody has (LG-16).
pub(crate) async fn show(
    State(api): State<Api>,
    current: CurrentUser,
    UsernameInPath(username): UsernameInPath,
) -> Result<Json<User>, ApiError> {
    let user =
        api.0.store.user_named(&username).await?.ok_or(ApiError::NotFound("User not found"))?;
    if user.id == current.id() {
        return Ok(Json(user));
    }
    Ok(Json(User { email: None, ..user }))
}

/// `PATCH /user/{username}`: changes the given fields of one's own account. Answers 200; 401 without a live
/// token, 403 for another's account, 422 for a value that is malformed or taken.
#[tracing::instrument(name = "account.update", skip_all, fields(user.id = %owner.id()))]
pub(crate) async fn update(
    State(api): State<Api>,
    Owned(Owner(owner), change): Owned<UserChange>,
) -> Result<Json<Message>, ApiError> {
    let now = api.0.clock.now();
    let id = owner.id();
    if change.email.is_some() || change.username.is_some() {
        owner.must_be_fresh(&api).await?;
    }
    let taken =
        api.0.store.taken(change.email.as_ref(), change.username.as_ref(), Some(id), now).await?;
    if let Some(taken) = taken {
        return Err(taken.into());
    }
    api.0.store.update_user(id, &change, api.ending()).await??;
    Ok(Json(Message::new("User updated")))
}

/// `DELETE /user/{username}`: deletes one's own account and ends its sessions. Answers 200; 401 without a
/// live token, 403 for another's account.
#[tracing::instrument(name = "account.delete", skip_all, fields(user.id = %owner.id()))]
pub(crate) async fn remove(
    State(api): State<Api>,
    Owner(owner): Owner,
) -> Result<Json<Message>, ApiError> {
    owner.must_be_fresh(&api).await?;
    let ended = api.0.store.delete_user(owner.id(), api.ending()).await?;
    counts::ended("account_deleted", ended);
    tracing::info!("deleted");
    Ok(Json(Message::new("User deleted")))
}
