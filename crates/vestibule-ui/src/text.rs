//! What people read when something is refused or fails: one home for turning the wire's codes into
//! sentences that say the cause and how to mend it.

use std::fmt;

use vestibule_types::{Detail, DetailKind, FieldError};

/// What a form's submission was refused for, as sentences: one a field at most, and one for all of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refused {
    /// Stands above the form: whatever belongs to no field that the form shows.
    pub form: Option<String>,
    fields: Vec<(String, String)>,
}

impl Refused {
    /// From the body of a 422. `shown` names the form's fields; what belongs elsewhere is told above it.
    pub fn from_detail(detail: &Detail, shown: &[&str]) -> Self {
        match &detail.detail {
            DetailKind::Text(text) => Self::from_text(text),
            DetailKind::Fields(errors) => {
                errors.iter().fold(Self::default(), |refused, error| match error.field() {
                    Some(field) if shown.contains(&field) => {
                        refused.and(field, sentence(field, error))
                    }
                    _ => refused.and_form(format!("That didn't go through: {}.", plain(error))),
                })
            }
        }
    }

    /// From a refusal in one sentence: the two that are about a field (contract: identity API, section 4), or any other.
    fn from_text(text: &str) -> Self {
        let refused = Self::default();
        match text {
            "Email is already registered" => refused.and("email", EMAIL_TAKEN),
            "Username not available" => refused.and("username", USERNAME_TAKEN),
            other => refused.and_form(format!("That didn't go through: {}.", unpointed(other))),
        }
    }

    /// With one more sentence beside `field`; the first one for a field stays.
    pub fn and(mut self, field: &str, sentence: impl Into<String>) -> Self {
        if self.of(field).is_none() {
            self.fields.push((field.to_owned(), sentence.into()));
        }
        self
    }

    fn and_form(mut self, sentence: String) -> Self {
        self.form.get_or_insert(sentence);
        self
    }

    /// The sentence beside `field`.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, sentence)| sentence.as_str())
    }

    /// Nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.form.is_none() && self.fields.is_empty()
    }
}

/// Asks on the login page whether the browser is to remember the session.
pub const KEEP_SIGNED_IN: &str = "Keep me signed in";

const EMAIL_TAKEN: &str =
    "An account with this e-mail address exists already. Sign in, or use another address.";
const USERNAME_TAKEN: &str = "That username isn't available. Try another one.";

/// One refusal of one field, as a sentence: cause, then mend.
pub fn sentence(field: &str, error: &FieldError) -> String {
    let figure = |key: &str| error.ctx.as_ref()?.get(key)?.as_u64();
    match (&*error.kind, field) {
        ("missing", _) => missing(field).to_owned(),
        ("string_too_short", _) => match figure("min_length") {
            Some(least) => format!("That's too short. Use at least {}.", characters(least)),
            None => "That's too short.".to_owned(),
        },
        ("string_too_long", _) => match figure("max_length") {
            Some(most) => format!("That's too long. Use at most {}.", characters(most)),
            None => "That's too long.".to_owned(),
        },
        ("string_pattern_mismatch", _) => misshapen(field).to_owned(),
        ("value_error", "email") if error.msg.contains("special-use") => {
            "No mail reaches that domain. Use an address that you can read mail at.".to_owned()
        }
        ("value_error", "email") => misshapen(field).to_owned(),
        ("value_error", "username") => USERNAME_TAKEN.to_owned(),
        ("value_error", "current_password") => "That isn't your current password.".to_owned(),
        _ => format!("This can't be used: {}.", plain(error)),
    }
}

/// For a required field that was left empty.
pub fn missing(field: &str) -> &'static str {
    match field {
        "name" => "Enter your name.",
        "username" => "Enter a username.",
        "email" => "Enter your e-mail address.",
        "password" => "Enter a password.",
        "current_password" => "Enter your current password.",
        "new_password" => "Enter a new password.",
        _ => "Fill this in.",
    }
}

/// For a value of the right length with the wrong characters.
pub fn misshapen(field: &str) -> &'static str {
    match field {
        "username" => "Use lowercase letters and digits only, without spaces.",
        "email" => "That doesn't look like an e-mail address. It should be like name@example.com.",
        "profile_image_url" => {
            "That doesn't look like a link. It should be like https://example.com/me.png."
        }
        _ => "Some of these characters can't be used. Type it again.",
    }
}

fn characters(count: u64) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

fn plain(error: &FieldError) -> String {
    let msg = unpointed(&error.msg);
    match error.field() {
        Some(field) => format!("{field}, {msg}"),
        None => msg.to_owned(),
    }
}

fn unpointed(text: &str) -> &str {
    text.trim_end_matches('.')
}

/// Why a form could not be carried out although nothing is wrong with any one field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// No account with that name and password.
    WrongCredentials,
    /// Too many attempts; the next one counts after so many seconds, if the server said so.
    TooMany(Option<u64>),
    /// The API can't be reached or fails.
    Unavailable,
    /// The API has too much to do at the moment.
    Busy,
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongCredentials => out.write_str(
                "That username, e-mail or password isn't right. Check both fields and try again.",
            ),
            Self::TooMany(Some(seconds)) => {
                write!(out, "Too many attempts. Wait {} and try again.", duration(*seconds))
            }
            Self::TooMany(None) => out.write_str("Too many attempts. Wait a while and try again."),
            Self::Unavailable => out.write_str(
                "The account service isn't answering. Nothing is wrong with what you typed; try again in a moment.",
            ),
            Self::Busy => out.write_str(
                "A lot of people are coming in right now. Nothing is wrong with what you typed; try again in a few seconds.",
            ),
        }
    }
}

/// So many seconds, for people; rounded up, so that who waits that long has waited long enough.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=10 => format!("{seconds} seconds"),
        11..=50 => format!("about {} seconds", seconds.div_ceil(10) * 10),
        51..=60 => "about a minute".to_owned(),
        61..=3_540 => format!("about {} minutes", seconds.div_ceil(60)),
        3_541..=3_600 => "about an hour".to_owned(),
        3_601..=82_800 => format!("about {} hours", seconds.div_ceil(3_600)),
        82_801..=86_400 => "about a day".to_owned(),
        _ => format!("about {} days", seconds.div_ceil(86_400)),
    }
}

/// What a `User-Agent` is, as its owner would say it: `Chrome on Windows`.
pub fn device(agent: &str) -> String {
    let first = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "An unknown device".to_owned(),
    }
}

/// Marks in a `User-Agent`, the more particular first: most browsers also claim to be Chrome or Safari.
const BROWSERS: [(&str, &str); 20] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("HTTPie/", "HTTPie"),
    ("PostmanRuntime/", "Postman"),
    ("python-", "A Python program"),
    ("okhttp/", "An Android app"),
    ("node", "A Node.js program"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

#[cfg(test)]
mod tests {
    use vestibule_types::{Detail, Invalid};

    use super::{Refused, Trouble, device, duration, sentence};

    #[test]
    fn refusals_of_a_field_say_cause_and_mend() {
        for (field, refusal, text) in [
            ("name", Invalid::missing(), "Enter your name."),
            ("username", Invalid::missing(), "Enter a username."),
            ("email", Invalid::missing(), "Enter your e-mail address."),
            ("password", Invalid::missing(), "Enter a password."),
            ("confirm", Invalid::missing(), "Fill this in."),
            ("name", Invalid::too_short(1), "That's too short. Use at least 1 character."),
            ("password", Invalid::too_short(8), "That's too short. Use at least 8 characters."),
            ("username", Invalid::too_long(20), "That's too long. Use at most 20 characters."),
            (
                "username",
                Invalid::pattern("^[a-z0-9]+$"),
                "Use lowercase letters and digits only, without spaces.",
            ),
            (
                "email",
                Invalid::value("value is not a valid email address: …", "…"),
                "That doesn't look like an e-mail address. It should be like name@example.com.",
            ),
            (
                "email",
                Invalid::value("… is a special-use or reserved name …", "…"),
                "No mail reaches that domain. Use an address that you can read mail at.",
            ),
            (
                "username",
                Invalid::value("Value error, Username not available", "Username not available"),
                "That username isn't available. Try another one.",
            ),
            (
                "profile_image_url",
                Invalid::pattern("^(https?|ftp)://"),
                "That doesn't look like a link. It should be like https://example.com/me.png.",
            ),
            (
                "name",
                Invalid::not_a_string(),
                "This can't be used: name, Input should be a valid string.",
            ),
        ] {
            assert_eq!(sentence(field, &refusal.of(field)), text);
        }
    }

    #[test]
    fn a_refusal_stands_beside_the_field_it_belongs_to() {
        let shown = ["name", "username", "email", "password"];
        for (detail, field) in [
            (Detail::text("Email is already registered"), "email"),
            (Detail::text("Username not available"), "username"),
            (Detail::fields(vec![Invalid::missing().of("password")]), "password"),
        ] {
            let refused = Refused::from_detail(&detail, &shown);
            assert!(refused.of(field).is_some() && refused.form.is_none(), "{refused:?}");
        }
    }

    #[test]
    fn what_belongs_to_no_field_stands_above_the_form() {
        for (detail, text) in [
            (Detail::text("No more seats."), "That didn't go through: No more seats."),
            (
                Detail::fields(vec![Invalid::extra().of("tier_id")]),
                "That didn't go through: tier_id, Extra inputs are not permitted.",
            ),
            (
                Detail::fields(vec![Invalid::missing().of_body()]),
                "That didn't go through: Field required.",
            ),
        ] {
            let refused = Refused::from_detail(&detail, &["name"]);
            assert_eq!(refused.form.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_field_shows_its_first_refusal_and_all_fields_show_theirs() {
        let errors = vec![
            Invalid::too_short(2).of("name"),
            Invalid::missing().of("name"),
            Invalid::missing().of("email"),
        ];
        let refused = Refused::from_detail(&Detail::fields(errors), &["name", "email"]);
        assert_eq!(refused.of("name"), Some("That's too short. Use at least 2 characters."));
        assert_eq!(refused.of("email"), Some("Enter your e-mail address."));
        assert!(!refused.is_empty() && refused.of("username").is_none());
    }

    #[test]
    fn durations_are_rounded_up() {
        for (seconds, text) in [
            (0, "a second"),
            (9, "9 seconds"),
            (31, "about 40 seconds"),
            (60, "about a minute"),
            (61, "about 2 minutes"),
            (900, "about 15 minutes"),
            (3_599, "about an hour"),
            (3_601, "about 2 hours"),
            (86_400, "about a day"),
            (86_401, "about 2 days"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn trouble_says_how_long_to_wait() {
        let text = Trouble::TooMany(Some(125)).to_string();
        assert_eq!(text, "Too many attempts. Wait about 3 minutes and try again.");
    }

    #[test]
    fn a_user_agent_is_a_browser_on_a_system() {
        const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15";
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/156.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 16; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 16093.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            ("curl/8.17.0", "curl"),
            ("python-httpx/0.28", "A Python program"),
            ("Mozilla/5.0 (Windows NT 10.0)", "A browser on Windows"),
            ("", "An unknown device"),
            ("<script>alert(1)</script>", "An unknown device"),
        ] {
            assert_eq!(device(agent), name, "{agent}");
        }
        assert_eq!(
            device(&format!("{MAC} (KHTML, like Gecko) Version/19.1 Safari/605.1.15")),
            "Safari on Mac"
        );
    }
}
