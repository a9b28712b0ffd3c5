use askama::Template;
use vestibule_gateway::Account;
use vestibule_types::{PictureUrl, SessionEntry};

use super::{Field, Frame};
use crate::dates::Moment;
use crate::text::{self, Refused, Trouble};

/// `/dashboard`: one's own account. It posts
///
/// | to | fields |
/// | --- | --- |
/// | `/dashboard/profile` | `name`, `username`, `email`, `profile_image_url` (empty: [`PictureUrl::default`]) |
/// | `/dashboard/password` | `current_password`, `new_password` |
/// | `/dashboard/sessions/end` | `id` |
/// | `/dashboard/sessions/end-others` | none |
/// | `/dashboard/delete` | `confirm`, the username |
/// | `/logout` | none |
#[derive(Clone, Debug, Template)]
#[template(path = "dashboard.html", whitespace = "minimize")]
pub struct Dashboard {
    /// What surrounds the page.
    pub frame: Frame,
    /// The account as it is.
    pub user: Account,
    /// The profile form as it was typed.
    pub profile: ProfileForm,
    /// Where the account is signed in.
    pub sessions: Sessions,
    /// What has just been done.
    pub notice: Option<DashboardNotice>,
    /// Why it could not be done, if no field is to blame.
    pub trouble: Option<Trouble>,
    /// Why the profile could not be saved, field by field.
    pub refused: Refused,
    /// What was typed as confirmation is not the username.
    pub unconfirmed: bool,
}

/// What stands in the profile form.
#[derive(Clone, Debug, Default)]
pub struct ProfileForm {
    /// What the person wants to be called.
    pub name: String,
    /// The handle.
    pub username: String,
    /// The address.
    pub email: String,
    /// Where the picture is; empty for none.
    pub profile_image_url: String,
}

impl From<&Account> for ProfileForm {
    fn from(user: &Account) -> Self {
        Self {
            name: user.name.clone(),
            username: user.username.clone(),
            email: user.email.clone().unwrap_or_default(),
            profile_image_url: picture(user).unwrap_or_default().to_owned(),
        }
    }
}

/// The list of sessions, or that there is none to show at the moment.
#[derive(Clone, Debug)]
pub enum Sessions {
    /// As the API lists them.
    Listed(Vec<SessionEntry>),
    /// The API did not answer.
    Unavailable,
}

/// What has just been done on the dashboard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DashboardNotice {
    /// The profile was saved.
    Saved,
    /// The password was changed, and other sessions with it.
    PasswordChanged,
    /// One other session was ended.
    SessionEnded,
    /// All other sessions were ended.
    OthersEnded,
}

/// Most sessions that are listed: the page stays light, and the rest can be ended all at once.
const MOST_LINES: usize = 8;

/// One line of the list.
struct Line<'a> {
    entry: &'a SessionEntry,
    device: String,
    is_handheld: bool,
}

impl Dashboard {
    /// The names of the forms' fields, for [`Refused::from_detail`].
    pub const SHOWN: [&str; 6] =
        ["name", "username", "email", "profile_image_url", "current_password", "new_password"];

    /// The page of `user` with nothing to say.
    pub fn new(frame: Frame, user: Account, sessions: Sessions) -> Self {
        Self {
            frame,
            profile: ProfileForm::from(&user),
            user,
            sessions,
            notice: None,
            trouble: None,
            refused: Refused::default(),
            unconfirmed: false,
        }
    }

    fn fields(&self) -> [Field; 4] {
        let ProfileForm { name, username, email, profile_image_url } = &self.profile;
        Field::form([
            Field::name(name, &self.refused),
            Field::username(username, &self.refused),
            Field::email(email, &self.refused),
            Field::picture(profile_image_url, &self.refused),
        ])
    }

    fn passwords(&self) -> [Field; 2] {
        Field::form([Field::current_password(&self.refused), Field::next_password(&self.refused)])
    }

    fn confirmation(&self) -> Field {
        let sentence = format!("That isn't your username, {}.", self.user.username);
        let refused = match self.unconfirmed {
            true => Refused::default().and("confirm", sentence),
            false => Refused::default(),
        };
        let [field] = Field::form([Field::confirmation(&self.user.username, &refused)]);
        field
    }

    fn good_news(&self) -> Option<&'static str> {
        Some(match self.notice? {
            DashboardNotice::Saved => "Saved.",
            DashboardNotice::PasswordChanged => {
                "Your password is changed. All other sessions have ended."
            }
            DashboardNotice::SessionEnded => "That session has ended.",
            DashboardNotice::OthersEnded => "All other sessions have ended.",
        })
    }

    fn has_error(&self) -> bool {
        self.trouble.is_some() || !self.refused.is_empty() || self.unconfirmed
    }

    /// Up to two letters that stand for the name.
    fn initials(&self) -> String {
        let mut words = self.user.name.split_whitespace();
        let first = words.next().and_then(|word| word.chars().next());
        let last = words.next_back().and_then(|word| word.chars().next());
        first.into_iter().chain(last).flat_map(char::to_uppercase).take(2).collect()
    }

    fn picture(&self) -> Option<&str> {
        picture(&self.user)
    }

    /// This browser first, then as the API lists them; `None` if they could not be loaded.
    fn lines(&self) -> Option<Vec<Line<'_>>> {
        let Sessions::Listed(entries) = &self.sessions else { return None };
        let (current, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.current);
        Some(current.into_iter().chain(others).take(MOST_LINES).map(Line::of).collect())
    }

    /// How many sessions the list leaves out.
    fn unlisted(&self) -> usize {
        match &self.sessions {
            Sessions::Listed(entries) => entries.len().saturating_sub(MOST_LINES),
            Sessions::Unavailable => 0,
        }
    }

    fn has_others(&self) -> bool {
        match &self.sessions {
            Sessions::Listed(entries) => entries.iter().any(|entry| !entry.current),
            Sessions::Unavailable => false,
        }
    }
}

impl<'a> Line<'a> {
    fn of(entry: &'a SessionEntry) -> Self {
        let device = text::device(&entry.agent);
        let is_handheld = ["iPhone", "iPad", "Android"].iter().any(|name| device.ends_with(name));
        Self { entry, device, is_handheld }
    }

    fn created(&self) -> Moment {
        Moment(self.entry.created)
    }

    fn last_used(&self) -> Moment {
        // The API rounds down to the hour, which may be before the login.
        Moment(self.entry.last_used.max(self.entry.created))
    }
}

/// The picture's address, unless it is the placeholder that every account begins with.
fn picture(user: &Account) -> Option<&str> {
    let url = user.profile_image_url.as_str();
    (!url.is_empty() && url != PictureUrl::default().as_str()).then_some(url)
}

#[cfg(test)]
mod tests {
    use vestibule_gateway::{Account, AccountFacts, AccountId};
    use vestibule_types::PictureUrl;

    use super::{Dashboard, Frame, ProfileForm, Sessions};

    fn named(name: &str) -> Account {
        Account {
            id: AccountId::Number(1),
            name: name.to_owned(),
            username: "ada".to_owned(),
            email: None,
            profile_image_url: String::from(PictureUrl::default()),
            facts: AccountFacts::default(),
        }
    }

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, initials) in [
            ("Ada Lovelace", "AL"),
            ("ada", "A"),
            ("Juan Carlos de la Vega", "JV"),
            ("  ", ""),
            ("李 小龍", "李小"),
            ("ßa x", "SS"),
        ] {
            let page = Dashboard::new(Frame::default(), named(name), Sessions::Unavailable);
            assert_eq!(page.initials(), initials, "{name:?}");
        }
    }

    #[test]
    fn the_placeholder_is_no_picture() {
        assert_eq!(ProfileForm::from(&named("Ada")).profile_image_url, "");
    }
}
