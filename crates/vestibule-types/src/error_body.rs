use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why a value was refused, in the vocabulary of the wire: the `type`, `msg` and `ctx` that FastAPI
/// clients know (`string_too_short`, `string_pattern_mismatch`, …).
#[derive(Clone, Debug, PartialEq)]
pub struct Invalid {
    /// Stable code, `type` on the wire.
    pub kind: &'static str,
    /// For people, without the value that was refused.
    pub message: String,
    /// The figures behind the message, such as `{"min_length": 2}`.
    pub context: Option<Map<String, Value>>,
}

impl Invalid {
    /// A refusal without figures.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: None }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.context.get_or_insert_default().insert(key.to_owned(), value.into());
        self
    }

    /// The field is required and was not there.
    pub fn missing() -> Self {
        Self::new("missing", "Field required")
    }

    /// Not a string.
    pub fn not_a_string() -> Self {
        Self::new("string_type", "Input should be a valid string")
    }

    /// Not a boolean, nor a word for one.
    pub fn not_a_boolean() -> Self {
        Self::new("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    }

    /// A field that nobody asked for, or that may not be set here.
    pub fn extra() -> Self {
        Self::new("extra_forbidden", "Extra inputs are not permitted")
    }

    /// Fewer than `least` characters (Unicode code points).
    pub fn too_short(least: usize) -> Self {
        let message = format!("String should have at least {least} {}", characters(least));
        Self::new("string_too_short", message).with("min_length", least)
    }

    /// More than `most` characters (Unicode code points).
    pub fn too_long(most: usize) -> Self {
        let message = format!("String should have at most {most} {}", characters(most));
        Self::new("string_too_long", message).with("max_length", most)
    }

    /// Characters other than `pattern` (a regular expression, for documentation) allows.
    pub fn pattern(pattern: &str) -> Self {
        Self::new("string_pattern_mismatch", format!("String should match pattern '{pattern}'"))
            .with("pattern", pattern)
    }

    /// Well-shaped but not acceptable, for `reason`; `message` is the whole sentence.
    pub fn value(message: &str, reason: &str) -> Self {
        Self::new("value_error", message).with("reason", reason)
    }

    /// This refusal, of the body's field `name`.
    pub fn of(self, name: &str) -> FieldError {
        self.at(["body".into(), name.into()])
    }

    /// This refusal, of the body as a whole.
    pub fn of_body(self) -> FieldError {
        self.at(["body".into()])
    }

    /// This refusal, at an explicit place such as `["body", 17]`.
    pub fn at(self, loc: impl IntoIterator<Item = Value>) -> FieldError {
        FieldError {
            kind: self.kind.into(),
            loc: loc.into_iter().collect(),
            msg: self.message,
            ctx: self.context,
        }
    }
}

fn characters(count: usize) -> &'static str {
    if count == 1 { "character" } else { "characters" }
}

/// One entry of a 422's `detail` list. It never carries the refused input: that may be a password
/// (contract: identity API, section 8, row 7; ASVS 16.2.5).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FieldError {
    /// Stable code: `missing`, `string_too_short`, …
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// Where: `["body", "username"]`.
    pub loc: Vec<Value>,
    /// For people.
    pub msg: String,
    /// The figures behind the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Map<String, Value>>,
}

impl FieldError {
    /// The field's name, if this is about one field of the body.
    pub fn field(&self) -> Option<&str> {
        self.loc.get(1).and_then(Value::as_str)
    }
}

/// The body of every refusal: `{"detail": "text"}`, or for 422 `{"detail": [{…}, …]}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Detail {
    /// One sentence, or one entry a field.
    pub detail: DetailKind,
}

/// The two forms of `detail`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DetailKind {
    /// One sentence.
    Text(String),
    /// Every field that was refused, all at once.
    Fields(Vec<FieldError>),
}

impl Detail {
    /// `{"detail": "text"}`.
    pub fn text(text: impl Into<String>) -> Self {
        Self { detail: DetailKind::Text(text.into()) }
    }

    /// `{"detail": [...]}`.
    pub fn fields(fields: Vec<FieldError>) -> Self {
        Self { detail: DetailKind::Fields(fields) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Detail, Invalid};

    #[test]
    fn er_03_a_field_error_has_the_shape_fastapi_clients_read_and_no_input() {
        let body = Detail::fields(vec![Invalid::too_short(2).of("name")]);
        let json = serde_json::to_string(&body).unwrap();
        assert_eq!(
            json,
            r#"{"detail":[{"type":"string_too_short","loc":["body","name"],"msg":"String should have at least 2 characters","ctx":{"min_length":2}}]}"#
        );
        assert_eq!(serde_json::from_str::<Detail>(&json).unwrap(), body);
    }

    #[test]
    fn a_text_detail_is_one_sentence() {
        let json = serde_json::to_string(&Detail::text("Not Found")).unwrap();
        assert_eq!(json, r#"{"detail":"Not Found"}"#);
    }
}
