use askama::Template;

use super::{Field, Frame, with_next};
use crate::text::{KEEP_SIGNED_IN, Refused, Trouble};

/// `/login`: posts `username`, `password`, `remember` and `next` to `/login`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "login.html", whitespace = "minimize")]
pub struct Login {
    /// What surrounds the page.
    pub frame: Frame,
    /// What was typed as the name.
    pub username: String,
    /// Whether somebody would rather not be remembered; most would.
    pub unremembered: bool,
    /// Where to go afterwards, if not to the dashboard.
    pub next: Option<String>,
    /// What has just happened.
    pub notice: Option<LoginNotice>,
    /// Why the attempt failed.
    pub trouble: Option<Trouble>,
    /// What was missing.
    pub refused: Refused,
}

/// Why somebody is on the login page, other than to sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginNotice {
    /// They have just registered.
    AccountReady,
    /// They have just signed out.
    SignedOut,
    /// They have just deleted their account.
    AccountDeleted,
    /// Their session ended by itself.
    SessionEnded,
}

impl Login {
    fn fields(&self) -> [Field; 2] {
        let (name, password) =
            (Field::login(&self.username, &self.refused), Field::password(&self.refused));
        match self.trouble {
            Some(_) => [name, password.focused()],
            None => Field::form([name, password]),
        }
    }

    fn good_news(&self) -> Option<&'static str> {
        match self.notice? {
            LoginNotice::AccountReady => Some("Your account is ready. Sign in."),
            LoginNotice::SignedOut => Some("You're signed out."),
            LoginNotice::AccountDeleted => Some("Your account is deleted. Take care."),
            LoginNotice::SessionEnded => None,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        if self.has_error() {
            return None;
        }
        match (self.notice, &self.next) {
            (Some(LoginNotice::SessionEnded), _) => {
                Some("Your session has ended. Please sign in again.")
            }
            (None, Some(_)) => Some("Please sign in to go on."),
            _ => None,
        }
    }

    fn has_error(&self) -> bool {
        self.trouble.is_some() || !self.refused.is_empty()
    }

    fn address(&self) -> String {
        with_next("/login", self.next.as_deref())
    }

    fn register_link(&self) -> String {
        with_next("/register", self.next.as_deref())
    }
}
