//! The way in and out: `/login`, `/register`, `/logout`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use vestibule_gateway::{Form, Gateway, Outage, Problem, ReturnPath, SignIn, Visitor, redirect};

use super::frame;
use crate::page::show;
use crate::pages::{Login, LoginNotice, Register};
use crate::text::{self, Refused, Trouble};

/// The query of `/login` and `/register`.
#[derive(Default, Deserialize)]
pub(super) struct Arrival {
    next: Option<String>,
    notice: Option<String>,
    username: Option<String>,
}

/// `GET /login`. Whoever is signed in goes on.
pub(super) async fn login(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    arrival: Result<Query<Arrival>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let arrival = arrival.map(|Query(arrival)| arrival).unwrap_or_default();
    if let Some(answer) = without_form(&gateway, &visitor, &arrival, &uri, &headers).await {
        return answer;
    }
    let page = Login {
        frame: frame(&gateway, None),
        username: arrival.username.unwrap_or_default(),
        next: kept(arrival.next.as_deref()),
        notice: arrival.notice.as_deref().and_then(notice),
        ..Login::default()
    };
    show(StatusCode::OK, &page)
}

/// `POST /login`: signs in and leads to where the visitor was going; otherwise the form again, with what was
/// typed but the password. Whoever does not say `remember` is remembered: forms of before don't.
pub(super) async fn sign_in(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    form: Form,
) -> Response {
    let (username, password) = (form.text("username").trim(), form.text("password"));
    let remember = form.given("remember").is_none_or(|answer| answer == "on");
    let again = |status, trouble, refused| {
        let page = Login {
            frame: frame(&gateway, None),
            username: username.to_owned(),
            unremembered: !remember,
            next: kept(form.given("next")),
            trouble,
            refused,
            notice: None,
        };
        show(status, &page)
    };
    let missing = ["username", "password"].into_iter().filter(|name| form.given(name).is_none());
    let missing =
        missing.fold(Refused::default(), |refused, name| refused.and(name, text::missing(name)));
    if !missing.is_empty() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, None, missing);
    }
    match gateway.sign_in(&visitor, username, password, remember).await {
        Ok(SignIn::Done(_)) => {
            redirect(StatusCode::SEE_OTHER, ReturnPath::or_default(form.given("next")).as_str())
        }
        Ok(SignIn::Wrong) => {
            again(StatusCode::UNAUTHORIZED, Some(Trouble::WrongCredentials), Refused::default())
        }
        Ok(SignIn::Throttled(seconds)) => {
            let trouble = Some(Trouble::TooMany(Some(seconds)));
            let page = again(StatusCode::TOO_MANY_REQUESTS, trouble, Refused::default());
            ([(header::RETRY_AFTER, seconds.to_string())], page).into_response()
        }
        Err(outage) => {
            again(Problem::from(outage).status, Some(trouble(outage)), Refused::default())
        }
    }
}

/// `GET /register`. Whoever is signed in has an account already.
pub(super) async fn register(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    arrival: Result<Query<Arrival>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let arrival = arrival.map(|Query(arrival)| arrival).unwrap_or_default();
    if let Some(answer) = without_form(&gateway, &visitor, &arrival, &uri, &headers).await {
        return answer;
    }
    let page = Register {
        frame: frame(&gateway, None),
        next: kept(arrival.next.as_deref()),
        ..Register::default()
    };
    show(StatusCode::OK, &page)
}

/// `POST /register`: makes an account and leads to the login form; otherwise the form again, with what was
/// typed but the password, and each refusal beside its field.
pub(super) async fn sign_up(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    form: Form,
) -> Response {
    let again = |status, trouble, refused| {
        let page = Register {
            frame: frame(&gateway, Some(&visitor)),
            name: form.text("name").to_owned(),
            username: form.text("username").to_owned(),
            email: form.text("email").to_owned(),
            next: kept(form.given("next")),
            trouble,
            refused,
        };
        show(status, &page)
    };
    let fields = json!({
        "name": form.text("name").trim(),
        "username": form.text("username").trim(),
        "email": form.text("email").trim(),
        "password": form.text("password"),
    });
    match gateway.register(&visitor, &fields).await {
        Ok(None) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query
                .append_pair("notice", "registered")
                .append_pair("username", form.text("username").trim());
            if let Some(next) = kept(form.given("next")) {
                query.append_pair("next", &next);
            }
            redirect(StatusCode::SEE_OTHER, &format!("/login?{}", query.finish()))
        }
        Ok(Some(detail)) => {
            let refused = Refused::from_detail(&detail, &Register::SHOWN);
            again(StatusCode::UNPROCESSABLE_ENTITY, None, refused)
        }
        Err(outage) => {
            again(Problem::from(outage).status, Some(trouble(outage)), Refused::default())
        }
    }
}

/// `POST /logout`: always works, also twice and with a session that is over (G15). What the browser kept of
/// the site goes too (CK-13).
pub(super) async fn sign_out(State(gateway): State<Gateway>, visitor: Visitor) -> Response {
    gateway.sign_out(&visitor).await;
    (CLEAR, redirect(StatusCode::SEE_OTHER, "/login?notice=signed-out")).into_response()
}

/// RFC-less but understood: W3C Clear Site Data, 3.1.
pub(super) const CLEAR: [(HeaderName, &str); 1] =
    [(HeaderName::from_static("clear-site-data"), r#""cache", "storage""#)];

/// What is answered instead of a form of ours: the way on for whoever is signed in, or the UI's own page.
async fn without_form(
    gateway: &Gateway,
    visitor: &Visitor,
    arrival: &Arrival,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Response> {
    let next = ReturnPath::or_default(arrival.next.as_deref());
    match gateway.lead_on(visitor, &next, uri, headers) {
        Some(answer) => Some(answer),
        None => gateway.page_of_ui(visitor, uri, headers).await,
    }
}

fn notice(word: &str) -> Option<LoginNotice> {
    match word {
        "registered" => Some(LoginNotice::AccountReady),
        "signed-out" => Some(LoginNotice::SignedOut),
        "deleted" => Some(LoginNotice::AccountDeleted),
        _ => None,
    }
}

/// A place to return to, if it is one on this site and not the default anyway.
fn kept(next: Option<&str>) -> Option<String> {
    let place = ReturnPath::parse(next?)?;
    (place != ReturnPath::default()).then(|| place.as_str().to_owned())
}

pub(super) fn trouble(outage: Outage) -> Trouble {
    if outage == Outage::Failing { Trouble::Busy } else { Trouble::Unavailable }
}
