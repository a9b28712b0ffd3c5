//! The calls that there are. Anything else, another method and a slash at the end included, is 404 with nothing in it
//! (contract: Better Auth, 3).

use std::future::ready;

use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::json;

use super::{
    Call, Told, accounts, email, mail, password, remove, session, sessions, sign_in, sign_up,
    update,
};

/// `Name = METHOD "/path";`.
macro_rules! endpoints {
    ($($name:ident = $method:ident $path:literal;)*) => {
        /// One call.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Endpoint {
            $($name,)*
        }

        const ALL: &[(Method, &str, Endpoint)] =
            &[$((Method::$method, $path, Endpoint::$name),)*];
    };
}

endpoints! {
    Ok = GET "/ok";
    SignUp = POST "/sign-up/email";
    SignUpForm = POST "/sign-up";
    SignIn = POST "/sign-in";
    SignInEmail = POST "/sign-in/email";
    SignInUsername = POST "/sign-in/username";
    SignInSocial = POST "/sign-in/social";
    IsUsernameAvailable = POST "/is-username-available";
    GetSession = GET "/get-session";
    PostSession = POST "/get-session";
    SignOut = POST "/sign-out";
    UpdateUser = POST "/update-user";
    UpdateSession = POST "/update-session";
    ChangeEmail = POST "/change-email";
    ChangePassword = POST "/change-password";
    VerifyPassword = POST "/verify-password";
    DeleteUser = POST "/delete-user";
    DeleteUserCallback = GET "/delete-user/callback";
    ListSessions = GET "/list-sessions";
    RevokeSession = POST "/revoke-session";
    RevokeSessions = POST "/revoke-sessions";
    RevokeOtherSessions = POST "/revoke-other-sessions";
    ListAccounts = GET "/list-accounts";
    AccountInfo = GET "/account-info";
    GetAccessToken = POST "/get-access-token";
    RefreshToken = POST "/refresh-token";
    LinkSocial = POST "/link-social";
    UnlinkAccount = POST "/unlink-account";
    RequestPasswordReset = POST "/request-password-reset";
    ResetPassword = POST "/reset-password";
    ResetPasswordLink = GET "/reset-password/{token}";
    SendVerificationEmail = POST "/send-verification-email";
    VerifyEmail = GET "/verify-email";
}

impl Endpoint {
    /// The call that a method and a path below `/api/auth` mean, and its name for logs and metrics.
    pub(super) fn find(method: &Method, path: &str) -> Option<(Self, &'static str)> {
        let is_it = |pattern: &str| match pattern.strip_suffix("{token}") {
            Some(start) => path
                .strip_prefix(start)
                .is_some_and(|token| !token.is_empty() && !token.contains('/')),
            None => path == pattern,
        };
        let found = ALL.iter().find(|(of, pattern, _)| of == method && is_it(pattern));
        found.map(|(_, pattern, endpoint)| (*endpoint, *pattern))
    }

    /// Whether it only reads, and takes no body.
    pub(super) fn is_read(self) -> bool {
        ALL.iter().any(|(method, _, endpoint)| *endpoint == self && method == Method::GET)
    }

    /// Whether a read of it tells who is signed in.
    pub(super) fn tells_of_session(self) -> bool {
        matches!(
            self,
            Self::GetSession | Self::ListSessions | Self::ListAccounts | Self::AccountInfo
        )
    }

    /// Whether its body may be a form.
    pub(super) fn takes_forms(self) -> bool {
        matches!(self, Self::SignInEmail | Self::SignUp)
    }

    /// Does it. On the heap: so only the call that is made takes room, and not the largest one.
    pub(super) fn answer(self, call: &Call) -> BoxFuture<'_, Told> {
        match self {
            Self::Ok => ready(Ok(axum::Json(json!({"ok": true})).into_response())).boxed(),
            Self::SignUp | Self::SignUpForm => sign_up::sign_up(call).boxed(),
            Self::SignIn => sign_in::by_either(call).boxed(),
            Self::SignInEmail => sign_in::by_email(call).boxed(),
            Self::SignInUsername => sign_in::by_username(call).boxed(),
            Self::SignInSocial => ready(accounts::sign_in_social(call)).boxed(),
            Self::IsUsernameAvailable => sign_up::is_username_available(call).boxed(),
            Self::GetSession => session::show(call).boxed(),
            Self::PostSession => ready(session::deferred()).boxed(),
            Self::SignOut => session::sign_out(call).boxed(),
            Self::UpdateUser => update::update_user(call).boxed(),
            Self::UpdateSession => session::update(call).boxed(),
            Self::ChangeEmail => email::change(call).boxed(),
            Self::ChangePassword => password::change(call).boxed(),
            Self::VerifyPassword => password::verify(call).boxed(),
            Self::DeleteUser => remove::delete_user(call).boxed(),
            Self::DeleteUserCallback => ready(remove::callback(call)).boxed(),
            Self::ListSessions => sessions::list(call).boxed(),
            Self::RevokeSession => sessions::revoke(call).boxed(),
            Self::RevokeSessions => sessions::revoke_all(call).boxed(),
            Self::RevokeOtherSessions => sessions::revoke_others(call).boxed(),
            Self::ListAccounts => accounts::list(call).boxed(),
            Self::AccountInfo => accounts::info(call).boxed(),
            Self::GetAccessToken | Self::RefreshToken => accounts::token(call).boxed(),
            Self::LinkSocial => accounts::link_social(call).boxed(),
            Self::UnlinkAccount => accounts::unlink(call).boxed(),
            Self::RequestPasswordReset => ready(mail::request_password_reset(call)).boxed(),
            Self::ResetPassword => ready(mail::reset_password(call)).boxed(),
            Self::ResetPasswordLink => ready(mail::reset_password_link(call)).boxed(),
            Self::SendVerificationEmail => ready(mail::send_verification(call)).boxed(),
            Self::VerifyEmail => ready(mail::verify_email(call)).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_method_and_a_path_to_the_letter() {
        for (method, path, expected) in [
            ("GET", "/ok", Some(Endpoint::Ok)),
            ("GET", "/get-session", Some(Endpoint::GetSession)),
            ("POST", "/get-session", Some(Endpoint::PostSession)),
            ("GET", "/reset-password/abc", Some(Endpoint::ResetPasswordLink)),
            ("GET", "/reset-password/", None),
            ("GET", "/reset-password/a/b", None),
            ("GET", "/reset-password", None),
            ("HEAD", "/ok", None),
            ("OPTIONS", "/sign-out", None),
            ("GET", "/sign-out", None),
            ("PUT", "/sign-out", None),
            ("POST", "/sign-out/", None),
            ("POST", "/Sign-Out", None),
            ("GET", "/", None),
            ("GET", "", None),
        ] {
            let found = Endpoint::find(&method.parse().unwrap(), path).map(|(it, _)| it);
            assert_eq!(found, expected, "{method} {path}");
        }
    }

    #[test]
    fn what_tells_of_a_session_or_takes_a_form_is_of_one_kind_only() {
        for (_, path, endpoint) in ALL {
            assert!(!endpoint.tells_of_session() || endpoint.is_read(), "{path}");
            assert!(!endpoint.takes_forms() || !endpoint.is_read(), "{path}");
        }
    }
}
