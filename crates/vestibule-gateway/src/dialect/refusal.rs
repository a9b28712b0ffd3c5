//! What an API has against an account, in whatever words.

use serde_json::Value;
use vestibule_types::{Detail, Invalid};

use super::Dialect;

/// Most characters of an API's sentence that are passed on.
const LONGEST: usize = 300;

/// Under what names APIs put one sentence (RFC 9457 among them).
const SENTENCES: [&str; 6] =
    ["detail", "message", "error_description", "error", "title", "non_field_errors"];

impl Dialect {
    /// The refusal in a body: as ours and FastAPI's say it, or by the fields' names, each with a sentence or a list of
    /// them, as Django's do, or in one sentence.
    pub(crate) fn refusal(&self, body: &Value) -> Detail {
        if let Ok(detail) = serde_json::from_value(body.clone()) {
            return detail;
        }
        let named = body.get("errors").unwrap_or(body).as_object();
        let of_field = |(theirs, said): (&String, &Value)| {
            let field = self.field_of_form(theirs)?;
            Some(Invalid::new("refused", sentence(said)?).of(field))
        };
        let fields: Vec<_> = named.into_iter().flatten().filter_map(of_field).collect();
        if !fields.is_empty() {
            return Detail::fields(fields);
        }
        let said = SENTENCES.iter().find_map(|name| sentence(&body[*name]));
        Detail::text(said.unwrap_or_else(|| "the account service refused it".to_owned()))
    }
}

/// A sentence, or the first of a list.
fn sentence(said: &Value) -> Option<String> {
    let said = said.as_str().or_else(|| said.get(0)?.as_str())?;
    (!said.is_empty()).then(|| said.chars().take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vestibule_types::{Detail, Invalid};

    use super::Dialect;

    #[test]
    fn a_refusal_is_understood_in_the_words_of_many_frameworks() {
        let taken = || Detail::fields(vec![Invalid::new("refused", "Taken.").of("username")]);
        for (body, detail) in [
            (json!({"detail": "Username not available"}), Detail::text("Username not available")),
            (json!({"username": ["Taken."]}), taken()),
            (json!({"errors": {"username": "Taken.", "other": ["x"]}}), taken()),
            (json!({"message": "Taken."}), Detail::text("Taken.")),
            (json!({"message": ["Taken.", "More."], "statusCode": 400}), Detail::text("Taken.")),
            (json!({"non_field_errors": ["Taken."]}), Detail::text("Taken.")),
            (json!({"title": "Taken.", "status": 422}), Detail::text("Taken.")),
            (json!({"message": "x".repeat(900)}), Detail::text("x".repeat(300))),
            (json!(null), Detail::text("the account service refused it")),
            (json!({"username": []}), Detail::text("the account service refused it")),
            (json!([1]), Detail::text("the account service refused it")),
        ] {
            assert_eq!(Dialect::default().refusal(&body), detail, "{body}");
        }
    }
}
