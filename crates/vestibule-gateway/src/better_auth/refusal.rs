//! What a client is told that does not get what it asked for: one table of code, status and sentence (contract: Better
//! Auth, 3).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::gateway::NoAnswer;
use crate::problem::Problem;
use crate::upstream::Outage;

/// A status, and `{"message": …, "code": …}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// Stable, for scripts; a few have none.
    code: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    /// Seconds after which another try makes sense.
    retry_after: Option<u64>,
}

/// `NAME = status, "sentence";` where the name is also the code.
macro_rules! refusals {
    ($($name:ident = $status:literal, $message:literal;)*) => {
        impl Refusal {
            $(pub(super) const $name: Self = Self::new($status, stringify!($name), $message);)*
        }

        #[cfg(test)]
        const ALL: &[Refusal] = &[$(Refusal::$name),*];
    };
}

refusals! {
    ACCOUNT_NOT_FOUND = 400, "Account not found";
    CHANGE_EMAIL_DISABLED = 400, "Change email is disabled";
    CREDENTIAL_ACCOUNT_NOT_FOUND = 400, "Credential account not found";
    CROSS_SITE_NAVIGATION_LOGIN_BLOCKED = 403, "Cross-site navigation login blocked. This request appears to be a CSRF attack.";
    EMAIL_CAN_NOT_BE_UPDATED = 400, "Email can not be updated";
    EMAIL_PASSWORD_SIGN_UP_DISABLED = 400, "Email and password sign up is not enabled";
    FAILED_TO_GET_SESSION = 400, "This API keeps no list of sessions";
    FAILED_TO_UNLINK_LAST_ACCOUNT = 400, "You can't unlink your last account";
    INVALID_CALLBACK_URL = 403, "Invalid callbackURL";
    INVALID_DISPLAY_USERNAME = 400, "Display username is invalid";
    INVALID_EMAIL = 400, "Invalid email";
    INVALID_EMAIL_OR_PASSWORD = 401, "Invalid email or password";
    INVALID_ERROR_CALLBACK_URL = 403, "Invalid errorCallbackURL";
    INVALID_NEW_USER_CALLBACK_URL = 403, "Invalid newUserCallbackURL";
    INVALID_ORIGIN = 403, "Invalid origin";
    INVALID_PASSWORD = 400, "Invalid password";
    INVALID_REDIRECT_URL = 403, "Invalid redirectURL";
    INVALID_TOKEN = 400, "Invalid token";
    INVALID_USERNAME = 400, "Username is invalid";
    INVALID_USERNAME_OR_PASSWORD = 401, "Invalid username or password";
    METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED = 405, "POST method requires deferSessionRefresh to be enabled in session config";
    MISSING_OR_NULL_ORIGIN = 403, "Missing or null Origin";
    PASSWORD_TOO_LONG = 400, "Password too long";
    PASSWORD_TOO_SHORT = 400, "Password too short";
    PAYLOAD_TOO_LARGE = 413, "The body is too large";
    PROVIDER_NOT_FOUND = 404, "Provider not found";
    RESET_PASSWORD_DISABLED = 400, "Reset password isn't enabled";
    SESSION_EXPIRED = 400, "Session expired. Re-authenticate to perform this action.";
    SESSION_NOT_FRESH = 403, "Session is not fresh";
    UNAUTHORIZED = 401, "Unauthorized";
    UNEXPECTED_ERROR = 400, "This API does not tell which usernames are taken";
    USERNAME_IS_ALREADY_TAKEN = 400, "Username is already taken. Please try another.";
    USERNAME_TOO_LONG = 400, "Username is too long";
    USERNAME_TOO_SHORT = 400, "Username is too short";
    USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL = 422, "User already exists. Use another email.";
    VERIFICATION_EMAIL_NOT_ENABLED = 400, "Verification email isn't enabled";
}

impl Refusal {
    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("a status has 3 digits") };
        let (code, message) = (Some(Cow::Borrowed(code)), Cow::Borrowed(message));
        Self { status, code, message, retry_after: None }
    }

    /// The same with another status: what is 400 in one call is 422 in another.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// A field that is missing or not what it has to be; `[body.email] …`.
    pub(super) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::new(400, "VALIDATION_ERROR", "") }
    }

    /// Not as it has to be written.
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::new(400, "BAD_REQUEST", "") }
    }

    /// A body of another kind than the call takes.
    pub(super) fn media_type(message: String) -> Self {
        Self { message: message.into(), ..Self::new(415, "UNSUPPORTED_MEDIA_TYPE", "") }
    }

    /// 400 with a sentence and no code, where Better Auth has none either.
    pub(super) fn without_code(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: None, ..Self::bad_request(message) }
    }

    /// Too many attempts; seconds to wait.
    pub(super) fn throttled(seconds: u64) -> Self {
        let refusal = Self::without_code("Too many requests. Please try again later.");
        Self { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(seconds), ..refusal }
    }

    /// The same under another code.
    pub(super) fn called(self, code: &'static str) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// Whether it is an outage of the API, which says nothing of any session (ER-04).
    pub(super) fn is_outage(&self) -> bool {
        self.status.is_server_error()
    }
}

impl From<Outage> for Refusal {
    /// As [`Problem`] has it, in this wire's form.
    fn from(outage: Outage) -> Self {
        let Problem { status, code, detail, retry_after, .. } = Problem::from(outage);
        let code = Some(code.to_ascii_uppercase().into());
        Self { status, code, message: detail.into(), retry_after }
    }
}

impl From<NoAnswer> for Refusal {
    fn from(no: NoAnswer) -> Self {
        match no {
            NoAnswer::SignedOut => Self::UNAUTHORIZED,
            NoAnswer::Outage(outage) => outage.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({"message": self.message});
        if let Some(code) = self.code {
            body["code"] = code.into();
        }
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
            // What the client's authors document for 429.
            headers.insert("x-retry-after", seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110, 15.5.2.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Cookie"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::{ALL, Refusal};
    use crate::upstream::Outage;

    async fn told(refusal: Refusal) -> (u16, String, Option<String>) {
        let response = refusal.into_response();
        let header =
            response.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(response.headers().get("x-retry-after").is_some(), header.is_some());
        assert_eq!(response.headers()["cache-control"], "no-store");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap(), header)
    }

    #[tokio::test]
    async fn a_refusal_is_a_message_and_a_code_that_is_its_name() {
        let body = r#"{"message":"Invalid email","code":"INVALID_EMAIL"}"#.to_owned();
        assert_eq!(told(Refusal::INVALID_EMAIL).await, (400, body, None));
        let body = r#"{"message":"No fields to update"}"#.to_owned();
        assert_eq!(told(Refusal::without_code("No fields to update")).await, (400, body, None));
        for refusal in ALL {
            assert!((400..500).contains(&refusal.status.as_u16()), "{refusal:?}");
            assert!(refusal.retry_after.is_none() && !refusal.message.is_empty(), "{refusal:?}");
        }
    }

    #[tokio::test]
    async fn er_04_an_outage_is_5xx_with_a_code_and_a_time_to_wait_and_so_is_429() {
        for (outage, status, code) in [
            (Outage::Unreachable, 503, "UPSTREAM_UNREACHABLE"),
            (Outage::Broken, 502, "UPSTREAM_BROKEN"),
            (Outage::Slow, 504, "UPSTREAM_SLOW"),
            (Outage::Failing, 503, "UPSTREAM_FAILING"),
            (Outage::Overloaded, 503, "UPSTREAM_OVERLOADED"),
        ] {
            assert!(Refusal::from(outage).is_outage());
            let (told, body, wait) = told(outage.into()).await;
            assert!(told == status && body.contains(code) && wait.is_some(), "{body}");
        }
        let (status, body, wait) = told(Refusal::throttled(7)).await;
        let sentence = r#"{"message":"Too many requests. Please try again later."}"#;
        assert_eq!((status, &*body, wait.as_deref()), (429, sentence, Some("7")));
    }
}
