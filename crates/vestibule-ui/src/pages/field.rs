use askama::Template;
use vestibule_types::{Email, FieldError, Invalid, Password};

use crate::text::{self, Refused};

/// One labelled input with its hint, its rules and its error (`templates/field.html`).
///
/// The rules are told twice, to the browser (`required`, `pattern`, …) and to the script (`data-…`), with
/// the sentences of [`text`]; the API stays the judge.
#[derive(Clone, Debug, Template)]
#[template(path = "field.html", whitespace = "minimize")]
pub struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    hint: Option<&'static str>,
    /// Never a password: [`Field::new_password`] and [`Field::password`] don't take one.
    value: String,
    error: Option<String>,
    required: bool,
    focus: bool,
    limits: Option<Limits>,
    /// For the browser; as strict as `limits` and `shape` together. Counts code points, unlike `maxlength`.
    pattern: Option<String>,
    /// Says what is wrong when `pattern` or the type does not fit.
    misshapen: Option<String>,
}

/// Fewest and most code points.
#[derive(Clone, Copy, Debug)]
struct Limits {
    least: usize,
    most: usize,
}

impl Field {
    /// What a person wants to be called.
    pub fn name(value: &str, refused: &Refused) -> Self {
        Self::text("name", "Name", "name", value).refused(refused).limited(2, 30).like(".{2,30}")
    }

    /// A username to be chosen.
    pub fn username(value: &str, refused: &Refused) -> Self {
        Self::text("username", "Username", "username", value)
            .refused(refused)
            .hinted("2 to 20 lowercase letters or digits.")
            .limited(2, 20)
            .like("[a-z0-9]{2,20}")
    }

    /// An address for an account.
    pub fn email(value: &str, refused: &Refused) -> Self {
        let field = Self::text("email", "E-mail", "email", value).refused(refused);
        Self { kind: "email", misshapen: Some(text::misshapen("email").to_owned()), ..field }
            .limited(3, Email::MOST)
    }

    /// A password to be chosen.
    pub fn new_password(refused: &Refused) -> Self {
        let field = Self::text("password", "Password", "new-password", "").refused(refused);
        Self { kind: "password", ..field }
            .hinted("At least 8 characters. A few words in a row are strong and easy to remember.")
            .limited(Password::LEAST, Password::MOST)
    }

    /// Where a picture is; may be left empty.
    pub fn picture(value: &str, refused: &Refused) -> Self {
        let field = Self::text("profile_image_url", "Picture URL", "photo", value).refused(refused);
        Self { kind: "url", required: false, ..field }
            .hinted("Optional. A link that starts with https://")
            .limited(0, 2048)
            .like(r"(https?|ftp):\/\/[^\s\/$.?#]\S+")
    }

    /// The password to be replaced.
    pub fn current_password(refused: &Refused) -> Self {
        let field = Self::text("current_password", "Current password", "current-password", "");
        Self { kind: "password", ..field.refused(refused) }
    }

    /// The password to replace it with.
    pub fn next_password(refused: &Refused) -> Self {
        let field = Self::text("new_password", "New password", "new-password", "").refused(refused);
        Self { kind: "password", ..field }
            .hinted("At least 8 characters.")
            .limited(Password::LEAST, Password::MOST)
    }

    /// A name to sign in with.
    pub fn login(value: &str, refused: &Refused) -> Self {
        Self::text("username", "Username or e-mail", "username", value).refused(refused)
    }

    /// A password to sign in with.
    pub fn password(refused: &Refused) -> Self {
        let field = Self::text("password", "Password", "current-password", "").refused(refused);
        Self { kind: "password", ..field }
    }

    /// The username once more, so that nobody deletes an account in passing.
    pub fn confirmation(username: &str, refused: &Refused) -> Self {
        let field = Self::text("confirm", "Confirmation", "off", "").refused(refused);
        let plain = username.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Self {
            pattern: plain.then(|| username.to_owned()),
            misshapen: Some(format!("That isn't your username, {username}.")),
            ..field
        }
    }

    fn text(
        name: &'static str,
        label: &'static str,
        autocomplete: &'static str,
        value: &str,
    ) -> Self {
        Self {
            name,
            label,
            kind: "text",
            autocomplete,
            hint: None,
            value: value.to_owned(),
            error: None,
            required: true,
            focus: false,
            limits: None,
            pattern: None,
            misshapen: None,
        }
    }

    fn refused(mut self, refused: &Refused) -> Self {
        self.error = refused.of(self.name).map(str::to_owned);
        self
    }

    fn hinted(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    fn limited(mut self, least: usize, most: usize) -> Self {
        self.limits = Some(Limits { least, most });
        self
    }

    fn like(mut self, pattern: &str) -> Self {
        self.pattern = Some(pattern.to_owned());
        self.misshapen = Some(text::misshapen(self.name).to_owned());
        self
    }

    /// The fields of a form, with the keyboard in the first that was refused.
    pub(super) fn form<const N: usize>(mut fields: [Self; N]) -> [Self; N] {
        if let Some(first) = fields.iter_mut().find(|field| field.error.is_some()) {
            first.focus = true;
        }
        fields
    }

    /// With the keyboard in it when the page opens.
    pub(super) fn focused(self) -> Self {
        Self { focus: true, ..self }
    }

    /// Names and handles are no words to correct or to capitalise.
    fn is_verbatim(&self) -> bool {
        ["username", "confirm"].contains(&self.name)
    }

    fn missing(&self) -> &'static str {
        text::missing(self.name)
    }

    fn too_short(&self, limits: &Limits) -> String {
        self.say(Invalid::too_short(limits.least))
    }

    fn too_long(&self, limits: &Limits) -> String {
        self.say(Invalid::too_long(limits.most))
    }

    fn say(&self, refusal: Invalid) -> String {
        let error: FieldError = refusal.of(self.name);
        text::sentence(self.name, &error)
    }
}

#[cfg(test)]
mod tests {
    use vestibule_types::{DisplayName, Invalid, PictureUrl, Username};

    use super::{Field, Refused};

    /// The least and the most that a type takes, tried out.
    fn limits_of<T: TryFrom<String, Error = Invalid>>(unit: &str, prefix: &str) -> (usize, usize) {
        let legal = |count: usize| {
            let text = format!("{prefix}{}", unit.repeat(count - prefix.len()));
            T::try_from(text).is_ok()
        };
        let all: Vec<usize> = (prefix.len()..2_100).filter(|count| legal(*count)).collect();
        (all[0], all[all.len() - 1])
    }

    #[test]
    fn the_limits_told_to_the_browser_are_those_of_the_types() {
        let none = Refused::default();
        for (field, (least, most)) in [
            (Field::username("", &none), limits_of::<Username>("a", "")),
            (Field::name("", &none), limits_of::<DisplayName>("é", "")),
        ] {
            let limits = field.limits.unwrap();
            assert_eq!((limits.least, limits.most), (least, most), "{}", field.name);
            assert!(field.pattern.unwrap().ends_with(&format!("{{{least},{most}}}")));
        }
        let most = limits_of::<PictureUrl>("a", "https://").1;
        assert_eq!(Field::picture("", &none).limits.unwrap().most, most);
    }

    #[test]
    fn the_keyboard_starts_in_the_first_field_that_was_refused() {
        let refused = Refused::default().and("username", "x").and("email", "y");
        let fields = Field::form([
            Field::name("", &refused),
            Field::username("", &refused),
            Field::email("", &refused),
        ]);
        assert_eq!(fields.map(|field| field.focus), [false, true, false]);
    }

    #[test]
    fn a_confirmation_never_becomes_a_regular_expression() {
        let none = Refused::default();
        assert_eq!(Field::confirmation("ada", &none).pattern.as_deref(), Some("ada"));
        assert_eq!(Field::confirmation("a(b", &none).pattern, None);
    }
}
