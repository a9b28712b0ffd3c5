//! What the API is asked for a call, and what its refusals mean to the client.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use vestibule_types::{Detail, DetailKind, FieldError};

use super::Call;
use super::fields::Fields;
use super::refusal::Refusal;
use crate::account::Account;
use crate::dialect::Dialect;
use crate::requests::{Answer, held, retry_after};
use crate::session::Session;
use crate::upstream::Outage;

/// Most characters of an API's sentence that are passed on.
const LONGEST: usize = 300;

impl Call {
    /// Who calls, as the API says it now: a session that ended elsewhere is none.
    ///
    /// # Errors
    /// [`Refusal`] if nobody is signed in, or the API does not say.
    pub(super) async fn account(&self) -> Result<(Account, Arc<Session>), Refusal> {
        let account = self.gateway.reload_user(&self.visitor).await?;
        let session = self.visitor.session().ok_or(Refusal::UNAUTHORIZED)?;
        Ok((account, session))
    }

    /// The fields of a body that has to be an object.
    ///
    /// # Errors
    /// [`Refusal`] if it is none.
    pub(super) fn fields(&self) -> Result<Fields<'_>, Refusal> {
        Fields::of_body(self.body.as_ref(), "object")
    }

    /// Asks the API for the visitor; `path` is below its prefix.
    ///
    /// # Errors
    /// [`Refusal`] where the answer means the same whatever was asked ([`meant`]).
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        fields: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let request = self.request(method, path, fields);
        meant(Answer::read(self.gateway.call(&self.visitor, request).await?).await?)
    }

    /// A request to the API, which is to tell its refusals in full.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        fields: Option<&Value>,
    ) -> http::Request<Bytes> {
        let path = format!("{}{path}", self.gateway.dialect().prefix());
        let mut request = held(method, &path, fields);
        request.headers_mut().insert(header::ACCEPT, IN_FULL);
        request
    }

    /// What the API has against it.
    pub(super) fn refused(&self, answer: &Answer) -> Refusal {
        refused(&self.gateway.dialect(), answer)
    }
}

/// JSON, and problem details for a refusal: they have a code.
pub(super) const IN_FULL: HeaderValue =
    HeaderValue::from_static("application/json, application/problem+json");

/// An answer that is one to the question.
///
/// # Errors
/// [`Refusal`] if it says that nobody is signed in, that it is too much, or that it can't.
pub(super) fn meant(answer: Answer) -> Result<Answer, Refusal> {
    match answer.status {
        StatusCode::UNAUTHORIZED => Err(Refusal::UNAUTHORIZED),
        StatusCode::TOO_MANY_REQUESTS => Err(Refusal::throttled(retry_after(&answer.headers))),
        status if status.is_server_error() => Err(Outage::Failing.into()),
        _ => Ok(answer),
    }
}

/// A refusal by the API in the client's words.
pub(super) fn refused(dialect: &Dialect, answer: &Answer) -> Refusal {
    if answer.body["code"] == "login_too_old" {
        return Refusal::SESSION_NOT_FRESH;
    }
    match detail(dialect, &answer.body).detail {
        DetailKind::Text(said) => of_sentence(&said),
        DetailKind::Fields(fields) => of_fields(&fields),
    }
}

/// Problem details have their fields apart.
fn detail(dialect: &Dialect, body: &Value) -> Detail {
    let is_problem = body["type"].is_string();
    match serde_json::from_value::<Vec<FieldError>>(body["errors"].clone()) {
        Ok(fields) if is_problem && !fields.is_empty() => Detail::fields(fields),
        _ => dialect.refusal(body),
    }
}

/// An address or a name that somebody has; otherwise the sentence itself, if it is one.
fn of_sentence(said: &str) -> Refusal {
    let lower = said.to_lowercase();
    let is_taken = ["already", "taken", "not available", "exists", "in use"]
        .iter()
        .any(|words| lower.contains(words));
    match () {
        () if is_taken && lower.contains("username") => Refusal::USERNAME_IS_ALREADY_TAKEN,
        () if is_taken && lower.contains("mail") => Refusal::USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL,
        () => Refusal::bad_request(short(said).unwrap_or("The API refused it").to_owned()),
    }
}

/// The first refusal that has a code of its own; otherwise all of them, as a schema's.
fn of_fields(fields: &[FieldError]) -> Refusal {
    if let Some(refusal) = fields.iter().find_map(of_field) {
        return refusal;
    }
    let said = fields.iter().filter_map(|error| {
        Some(format!("[body.{}] {}", ours(error.field()?), short(&error.msg)?))
    });
    let said: Vec<String> = said.collect();
    match said.is_empty() {
        true => Refusal::validation("The API refused a field"),
        false => Refusal::validation(said.join("; ")),
    }
}

fn of_field(error: &FieldError) -> Option<Refusal> {
    let field = error.field()?;
    let is_taken = || match of_sentence(&format!("{field}: {}", error.msg)) {
        refusal if refusal == Refusal::USERNAME_IS_ALREADY_TAKEN => Some(refusal),
        refusal if refusal == Refusal::USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL => Some(refusal),
        _ => None,
    };
    match (field, &*error.kind) {
        ("current_password", _) => Some(Refusal::INVALID_PASSWORD),
        ("password" | "new_password", "string_too_short") => Some(Refusal::PASSWORD_TOO_SHORT),
        ("password" | "new_password", "string_too_long") => Some(Refusal::PASSWORD_TOO_LONG),
        ("username", "string_too_short") => Some(Refusal::USERNAME_TOO_SHORT),
        ("username", "string_too_long") => Some(Refusal::USERNAME_TOO_LONG),
        ("username", "string_pattern_mismatch") => Some(Refusal::INVALID_USERNAME),
        ("username" | "email", _) => is_taken(),
        _ => None,
    }
}

/// What the client calls a field of the API's.
fn ours(field: &str) -> &str {
    match field {
        "profile_image_url" => "image",
        "current_password" => "currentPassword",
        "new_password" => "newPassword",
        other => other,
    }
}

/// A sentence that may be passed on.
fn short(said: &str) -> Option<&str> {
    let is_fine = !said.is_empty()
        && said.chars().count() <= LONGEST
        && !said.contains(|c: char| c.is_control());
    is_fine.then_some(said)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn told(status: u16, body: Value) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        refused(&Dialect::default(), &Answer { status, headers: HeaderMap::new(), body })
    }

    fn of(field: &str, kind: &str, msg: &str) -> Value {
        json!([{"type": kind, "loc": ["body", field], "msg": msg}])
    }

    #[test]
    fn what_an_api_refuses_has_the_clients_code() {
        let problem =
            |errors: Value| json!({"type": "urn:x", "detail": "Some fields.", "errors": errors});
        let short = || of("password", "string_too_short", "String should have at least 8");
        let name = of("name", "string_too_short", "String should have at least 2 characters");
        for (body, refusal) in [
            (
                json!({"detail": "Email is already registered"}),
                Refusal::USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL,
            ),
            (json!({"detail": "Username not available"}), Refusal::USERNAME_IS_ALREADY_TAKEN),
            (
                json!({"email": ["user with this email already exists."]}),
                Refusal::USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL,
            ),
            (json!({"username": "Taken."}), Refusal::USERNAME_IS_ALREADY_TAKEN),
            (problem(short()), Refusal::PASSWORD_TOO_SHORT),
            (json!({"detail": short()}), Refusal::PASSWORD_TOO_SHORT),
            (
                problem(of("new_password", "string_too_long", "String should …")),
                Refusal::PASSWORD_TOO_LONG,
            ),
            (
                problem(of("current_password", "value_error", "Wrong password")),
                Refusal::INVALID_PASSWORD,
            ),
            (
                problem(of("username", "value_error", "Value error, Username not available")),
                Refusal::USERNAME_IS_ALREADY_TAKEN,
            ),
            (
                problem(of("username", "string_pattern_mismatch", "String should match")),
                Refusal::INVALID_USERNAME,
            ),
            (
                problem(name.clone()),
                Refusal::validation("[body.name] String should have at least 2 characters"),
            ),
            (
                problem(of("profile_image_url", "string_pattern_mismatch", "No picture")),
                Refusal::validation("[body.image] No picture"),
            ),
            (json!({"code": "login_too_old", "detail": "x"}), Refusal::SESSION_NOT_FRESH),
            (json!({"message": "Not today."}), Refusal::bad_request("Not today.")),
            (json!({"detail": "a\nb"}), Refusal::bad_request("The API refused it")),
            (json!({"detail": "x".repeat(301)}), Refusal::bad_request("The API refused it")),
            (json!(null), Refusal::bad_request("the account service refused it")),
        ] {
            assert_eq!(told(422, body.clone()), refusal, "{body}");
        }
    }
}
