//! The fields of a call, read one by one; what is wrong with them is told all at once, in the words of the schemas that
//! Better Auth has (measured, 1.7.25). Fields that nobody asks for are passed over.

use serde_json::{Map, Value};
use vestibule_types::Email;

use super::refusal::Refusal;

/// Fields of a body or a query, and what is wrong with those read so far.
pub(super) struct Fields<'a> {
    place: &'static str,
    values: &'a Map<String, Value>,
    wrong: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The fields of a body; `expected` is what the schema calls an object.
    ///
    /// # Errors
    /// [`Refusal`] if it is none.
    pub(super) fn of_body(
        body: Option<&'a Value>,
        expected: &'static str,
    ) -> Result<Self, Refusal> {
        match body {
            Some(Value::Object(values)) => Ok(Self { place: "body", values, wrong: Vec::new() }),
            other => {
                let received = kind(other);
                let said =
                    format!("[body] Invalid input: expected {expected}, received {received}");
                Err(Refusal::validation(said))
            }
        }
    }

    /// The fields of a query.
    pub(super) fn of_query(values: &'a Map<String, Value>) -> Self {
        Self { place: "query", values, wrong: Vec::new() }
    }

    /// A text; empty until [`Fields::checked`] has told that it is one. NUL can't be stored by every database.
    pub(super) fn text(&mut self, name: &str) -> &'a str {
        match self.values.get(name) {
            Some(Value::String(text)) if text.contains('\0') => {
                self.add(name, "Invalid input: NUL is not allowed");
                ""
            }
            Some(Value::String(text)) => text,
            other => {
                self.expected(name, "string", other);
                ""
            }
        }
    }

    /// A text that may be left out; none, too, if it is anything else.
    pub(super) fn maybe_text(&mut self, name: &str) -> Option<&'a str> {
        let before = self.wrong.len();
        let text = self.values.contains_key(name).then(|| self.text(name));
        text.filter(|_| self.wrong.len() == before)
    }

    /// A text that may be left out, or `null`.
    pub(super) fn text_or_null(&mut self, name: &str) -> Option<Option<&'a str>> {
        match self.values.get(name)? {
            Value::Null => Some(None),
            _ => self.maybe_text(name).map(Some),
        }
    }

    /// An e-mail address as people write one, no longer than an API can keep.
    pub(super) fn email(&mut self, name: &str) -> &'a str {
        let before = self.wrong.len();
        let text = self.text(name);
        if self.wrong.len() == before && !is_email(text) {
            self.add(name, "Invalid email address");
        } else if text.len() > Email::MOST {
            self.add(name, "Too big: expected string to have <=50 characters");
        }
        text
    }

    /// A text with something in it.
    pub(super) fn filled(&mut self, name: &str) -> &'a str {
        let before = self.wrong.len();
        let text = self.text(name);
        if self.wrong.len() == before && text.is_empty() {
            self.add(name, "Too small: expected string to have >=1 characters");
        }
        text
    }

    /// `true` or `false`, which may be left out.
    pub(super) fn maybe_flag(&mut self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            Value::Bool(flag) => Some(*flag),
            other => {
                self.expected(name, "boolean", Some(other));
                None
            }
        }
    }

    /// What is wrong with a field, in words of our own.
    pub(super) fn add(&mut self, name: &str, said: &str) {
        self.wrong.push(format!("[{}.{name}] {said}", self.place));
    }

    /// # Errors
    /// [`Refusal`] with everything that is wrong.
    pub(super) fn checked(self) -> Result<(), Refusal> {
        match self.wrong.is_empty() {
            true => Ok(()),
            false => Err(Refusal::validation(self.wrong.join("; "))),
        }
    }

    fn expected(&mut self, name: &str, expected: &str, received: Option<&Value>) {
        let received = kind(received);
        self.add(name, &format!("Invalid input: expected {expected}, received {received}"));
    }
}

/// What JavaScript calls it.
fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

/// Whether it is an address in ASCII with a domain of two labels or more: what Better Auth takes. The API decides.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_'+-".contains(&byte);
    let is_local = local.split('.').all(|part| !part.is_empty() && part.bytes().all(is_word))
        && !local.ends_with('\'');
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && label.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
    };
    let is_domain = domain.rsplit_once('.').is_some_and(|(labels, last)| {
        labels.split('.').all(is_label)
            && last.len() >= 2
            && last.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    is_local && is_domain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a sign-up says of a body, as one of its own schema would read it.
    fn said(body: &Value) -> Result<(), Refusal> {
        let mut fields = Fields::of_body(Some(body), "object")?;
        fields.text("name");
        fields.email("email");
        fields.filled("password");
        fields.maybe_text("image");
        fields.maybe_flag("rememberMe");
        fields.checked()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_schema() {
        for (body, message) in [
            (
                json!({}),
                "[body.name] Invalid input: expected string, received undefined; \
                 [body.email] Invalid input: expected string, received undefined; \
                 [body.password] Invalid input: expected string, received undefined",
            ),
            (
                json!({"name": 5, "email": [], "password": {}, "rememberMe": "yes"}),
                "[body.name] Invalid input: expected string, received number; \
                 [body.email] Invalid input: expected string, received array; \
                 [body.password] Invalid input: expected string, received object; \
                 [body.rememberMe] Invalid input: expected boolean, received string",
            ),
            (
                json!({"name": "A", "email": "", "password": "", "image": null}),
                "[body.email] Invalid email address; \
                 [body.password] Too small: expected string to have >=1 characters; \
                 [body.image] Invalid input: expected string, received null",
            ),
            (
                json!({"name": "a\0", "email": "a\0@b.cd", "password": "\0", "image": "\0"}),
                "[body.name] Invalid input: NUL is not allowed; \
                 [body.email] Invalid input: NUL is not allowed; \
                 [body.password] Invalid input: NUL is not allowed; \
                 [body.image] Invalid input: NUL is not allowed",
            ),
            (
                json!({"name": "A", "email": format!("{}@b.cd", "a".repeat(46)), "password": "x"}),
                "[body.email] Too big: expected string to have <=50 characters",
            ),
            (json!([]), "[body] Invalid input: expected object, received array"),
            (json!(null), "[body] Invalid input: expected object, received null"),
            (json!(true), "[body] Invalid input: expected object, received boolean"),
        ] {
            assert_eq!(said(&body), Err(Refusal::validation(message)), "{body}");
        }
        let fine = json!({"name": "", "email": "a@b.cd", "password": "x", "foo": {}, "id": 7});
        assert_eq!(said(&fine), Ok(()));
    }

    #[test]
    fn an_address_is_what_better_auth_takes_for_one() {
        for (text, is_one) in [
            ("ada@example.com", true),
            ("Ada.L+tag@Ex-ample.co.uk", true),
            ("o'brien_1@b.cd", true),
            ("", false),
            ("ada", false),
            ("ada@b", false),
            ("ada@b.c", false),
            ("ada@b.c1", false),
            ("ada@-b.cd", false),
            ("ada@b..cd", false),
            (".ada@b.cd", false),
            ("a..b@b.cd", false),
            ("ada.@b.cd", false),
            ("ada'@b.cd", false),
            ("a@b@c.de", false),
            ("a b@c.de", false),
            ("a\0@c.de", false),
            ("\u{e9}@c.de", false),
        ] {
            assert_eq!(is_email(text), is_one, "{text:?}");
        }
    }
}
