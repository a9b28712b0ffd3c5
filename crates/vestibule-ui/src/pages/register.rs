use askama::Template;

use super::{Field, Frame, with_next};
use crate::text::{Refused, Trouble};

/// `/register`: posts `name`, `username`, `email`, `password` and `next` to `/register`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "register.html", whitespace = "minimize")]
pub struct Register {
    /// What surrounds the page.
    pub frame: Frame,
    /// As typed.
    pub name: String,
    /// As typed.
    pub username: String,
    /// As typed.
    pub email: String,
    /// Where to go after signing in, if not to the dashboard.
    pub next: Option<String>,
    /// Why the attempt failed, if no field is to blame.
    pub trouble: Option<Trouble>,
    /// Why the attempt failed, field by field.
    pub refused: Refused,
}

impl Register {
    /// The names of the fields that the form shows, for [`Refused::from_detail`].
    pub const SHOWN: [&str; 4] = ["name", "username", "email", "password"];

    fn fields(&self) -> [Field; 4] {
        Field::form([
            Field::name(&self.name, &self.refused),
            Field::username(&self.username, &self.refused),
            Field::email(&self.email, &self.refused),
            Field::new_password(&self.refused),
        ])
    }

    fn has_error(&self) -> bool {
        self.trouble.is_some() || !self.refused.is_empty()
    }

    fn address(&self) -> String {
        with_next("/register", self.next.as_deref())
    }

    fn login_link(&self) -> String {
        with_next("/login", self.next.as_deref())
    }
}
