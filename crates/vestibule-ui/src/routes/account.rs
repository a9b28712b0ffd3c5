//! One's own account, changed: what the dashboard's forms post.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use vestibule_gateway::{
    Account, Form, Gateway, NoAnswer, Outage, Problem, Visitor, path_segment, redirect,
};
use vestibule_types::{Detail, PictureUrl};

use super::dashboard::{page, refused};
use super::entry::{CLEAR, trouble};
use super::frame;
use crate::page::show;
use crate::pages::{Dashboard, ProfileForm, Sessions};
use crate::text::Refused;

/// Where whoever was signed out meanwhile comes back to.
static DASHBOARD: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/dashboard"));

/// `POST /dashboard/profile`: changes what differs; otherwise the form again, with what was typed.
pub(super) async fn save_profile(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let typed = ProfileForm {
        name: form.text("name").trim().to_owned(),
        username: form.text("username").trim().to_owned(),
        email: form.text("email").trim().to_owned(),
        profile_image_url: form.text("profile_image_url").trim().to_owned(),
    };
    let user = match gateway.reload_user(&visitor).await {
        Ok(user) => user,
        Err(NoAnswer::Outage(outage)) => return unsaved(&gateway, &visitor, typed, outage),
        Err(error) => return refused(error, &DASHBOARD, &headers),
    };
    match save(&gateway, &visitor, &user, &typed).await {
        Ok(None) => redirect(StatusCode::SEE_OTHER, "/dashboard?notice=saved"),
        Ok(Some(detail)) => {
            let refused = Refused::from_detail(&detail, &Dashboard::SHOWN);
            let page =
                Dashboard { profile: typed, refused, ..page(&gateway, &visitor, user).await };
            show(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(NoAnswer::Outage(outage)) => unsaved(&gateway, &visitor, typed, outage),
        Err(error) => refused(error, &DASHBOARD, &headers),
    }
}

/// The form with what was typed, while the API gives no answer: the account as the session remembers it.
fn unsaved(gateway: &Gateway, visitor: &Visitor, typed: ProfileForm, outage: Outage) -> Response {
    let problem = Problem::from(outage);
    let Some(session) = visitor.session() else { return problem.into_response() };
    let page = Dashboard::new(
        frame(gateway, Some(visitor)),
        session.user.clone().into(),
        Sessions::Unavailable,
    );
    show(problem.status, &Dashboard { profile: typed, trouble: Some(trouble(outage)), ..page })
}

async fn save(
    gateway: &Gateway,
    visitor: &Visitor,
    user: &Account,
    typed: &ProfileForm,
) -> Result<Option<Detail>, NoAnswer> {
    let fields = differences(user, typed);
    if fields.is_empty() {
        return Ok(None);
    }
    let path = user.path();
    let said = gateway.change(visitor, Method::PATCH, &path, Some(&Value::Object(fields))).await?;
    if said.is_none() {
        gateway.reload_user(visitor).await?;
    }
    Ok(said)
}

fn differences(user: &Account, typed: &ProfileForm) -> Map<String, Value> {
    let now = ProfileForm::from(user);
    let picture = match typed.profile_image_url.as_str() {
        "" => PictureUrl::default().as_str().to_owned(),
        url => url.to_owned(),
    };
    [
        ("name", &now.name, &typed.name, typed.name.clone()),
        ("username", &now.username, &typed.username, typed.username.clone()),
        ("email", &now.email, &typed.email, typed.email.clone()),
        ("profile_image_url", &now.profile_image_url, &typed.profile_image_url, picture),
    ]
    .into_iter()
    .filter(|(_, before, after, _)| before != after)
    .map(|(field, _, _, value)| (field.to_owned(), Value::String(value)))
    .collect()
}

/// `POST /dashboard/password`: changes the password; otherwise the form again, without what was typed.
pub(super) async fn change_password(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let fields = json!({
        "current_password": form.text("current_password"),
        "new_password": form.text("new_password"),
    });
    match gateway.change(&visitor, Method::PUT, "/user/me/password", Some(&fields)).await {
        Ok(None) => redirect(StatusCode::SEE_OTHER, "/dashboard?notice=password-changed"),
        Ok(Some(detail)) => said_no(&gateway, &visitor, &headers, &detail).await,
        Err(error) => refused(error, &DASHBOARD, &headers),
    }
}

/// The dashboard with what the API has against it.
async fn said_no(
    gateway: &Gateway,
    visitor: &Visitor,
    headers: &HeaderMap,
    detail: &Detail,
) -> Response {
    match gateway.reload_user(visitor).await {
        Ok(user) => {
            let refused = Refused::from_detail(detail, &Dashboard::SHOWN);
            let page = Dashboard { refused, ..page(gateway, visitor, user).await };
            show(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => refused(error, &DASHBOARD, headers),
    }
}

/// `POST /dashboard/sessions/end`: signs out in another place.
pub(super) async fn end_session(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let path = format!("/user/me/sessions/{}", path_segment(form.text("id")));
    match gateway.change(&visitor, Method::DELETE, &path, None).await {
        Ok(Some(detail)) if detail != Detail::text("Session not found") => {
            said_no(&gateway, &visitor, &headers, &detail).await
        }
        // "There is none" is what was wanted, too.
        Ok(_) => redirect(StatusCode::SEE_OTHER, "/dashboard?notice=session-ended"),
        Err(error) => refused(error, &DASHBOARD, &headers),
    }
}

/// `POST /dashboard/sessions/end-others`: signs out everywhere else.
pub(super) async fn end_other_sessions(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    match gateway.change(&visitor, Method::DELETE, "/user/me/sessions", None).await {
        Ok(None) => redirect(StatusCode::SEE_OTHER, "/dashboard?notice=others-ended"),
        Ok(Some(detail)) => said_no(&gateway, &visitor, &headers, &detail).await,
        Err(error) => refused(error, &DASHBOARD, &headers),
    }
}

/// `POST /dashboard/delete`: deletes the account, if its name was typed to confirm it.
pub(super) async fn delete(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let user = match gateway.reload_user(&visitor).await {
        Ok(user) => user,
        Err(error) => return refused(error, &DASHBOARD, &headers),
    };
    if form.text("confirm").trim() != user.username {
        let page = Dashboard { unconfirmed: true, ..page(&gateway, &visitor, user).await };
        return show(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    match gateway.change(&visitor, Method::DELETE, &user.path(), None).await {
        Ok(None) => {
            gateway.forget(&visitor);
            (CLEAR, redirect(StatusCode::SEE_OTHER, "/login?notice=deleted")).into_response()
        }
        Ok(Some(detail)) => said_no(&gateway, &visitor, &headers, &detail).await,
        Err(error) => refused(error, &DASHBOARD, &headers),
    }
}
