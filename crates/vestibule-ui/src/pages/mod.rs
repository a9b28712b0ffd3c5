//! One struct a page, each with its template in `templates/`. Whoever answers a request fills in the
//! struct and hands it to [`crate::page::show`].

mod auth_error;
mod dashboard;
mod error;
mod field;
mod home;
mod login;
mod register;

pub use auth_error::AuthError;
pub use dashboard::{Dashboard, DashboardNotice, ProfileForm, Sessions};
pub use error::ErrorPage;
pub use field::Field;
pub use home::Home;
pub use login::{Login, LoginNotice};
pub use register::Register;

use vestibule_gateway::Account;

/// What surrounds every page: who is signed in, and how the script notices that this has changed.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Who is signed in.
    pub person: Option<Person>,
    /// Name of the hint cookie (contract: Next.js, G2); empty if there is none to watch.
    pub hint_cookie: String,
    /// What was in it when the page was asked for.
    pub hint: String,
    /// Whether the API makes no accounts: then nothing leads to `/register`.
    pub is_closed: bool,
}

/// The signed-in person, as the top of the page names them.
#[derive(Clone, Debug)]
pub struct Person {
    /// What they want to be called.
    pub name: String,
    /// Their handle.
    pub username: String,
}

impl From<&Account> for Person {
    fn from(user: &Account) -> Self {
        Self { name: user.name.clone(), username: user.username.clone() }
    }
}

/// `/path?next=…`, or only the path.
fn with_next(path: &str, next: Option<&str>) -> String {
    match next {
        Some(next) => format!("{path}?next={}", encoded(next)),
        None => path.to_owned(),
    }
}

/// Percent-encoded, so that it can be one query value (RFC 3986, 2.3: all but the unreserved and `/`).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::with_next;

    #[test]
    fn a_return_path_is_one_query_value() {
        let link = with_next("/login", Some("/dash?a=1&b=é#x"));
        assert_eq!(link, "/login?next=/dash%3Fa%3D1%26b%3D%C3%A9%23x");
        assert_eq!(with_next("/login", None), "/login");
    }
}
