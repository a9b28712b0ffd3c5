//! What an API's answers mean.

use http::StatusCode;
use serde_json::Value;

use super::{BodyPath, Dialect};
use crate::account::{Account, AccountFacts, AccountId};
use crate::date;
use crate::requests::Answer;

impl Dialect {
    /// Whether an answer to [`Dialect::login`] hands out tokens.
    pub(crate) fn is_signed_in(&self, status: StatusCode) -> bool {
        self.login.success.contains(&status.as_u16())
    }

    /// Whether it says that these are not the account's name and password.
    pub(crate) fn is_wrong(&self, status: StatusCode) -> bool {
        self.login.wrong.contains(&status.as_u16())
    }

    /// Whether an answer to [`Dialect::refresh`] is the definitive word that the session is over (G3). 400 is what
    /// OAuth says of a dead token (RFC 6749, 5.2).
    pub(crate) fn is_over(&self, status: StatusCode, body: &Value) -> bool {
        let over = self.refresh.as_ref().is_some_and(|to| to.over.contains(&status.as_u16()));
        over || status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant"
    }

    /// The account in an answer of [`Dialect::me`]; `None` if it is no good answer, or has nobody in it.
    pub(crate) fn account_in(&self, answer: &Answer) -> Option<Account> {
        answer.status.is_success().then(|| self.account(&answer.body))?
    }

    /// The account that a body tells of.
    pub(crate) fn account(&self, body: &Value) -> Option<Account> {
        let text = |path: &BodyPath| path.of(body).and_then(text);
        let id = match self.fields.id.of(body) {
            Some(Value::Number(number)) if number.is_i64() => {
                AccountId::Number(number.as_i64().expect("it is one"))
            }
            id => AccountId::Text(id.and_then(self::text).unwrap_or_default().into()),
        };
        let (username, email) = (text(&self.fields.username), text(&self.fields.email));
        let username = username.or_else(|| email.clone()).unwrap_or_default();
        if username.is_empty() && id == AccountId::Text(Box::default()) {
            return None;
        }
        Some(Account {
            id,
            name: text(&self.fields.name).unwrap_or_else(|| username.clone()),
            username,
            email,
            profile_image_url: text(&super::field("profile_image_url")).unwrap_or_default(),
            facts: facts(body),
        })
    }
}

/// What ours, and FastAPI backends that grew, tell beside the rest.
fn facts(body: &Value) -> AccountFacts {
    let moment = |name: &str| body[name].as_str().and_then(date::normal);
    AccountFacts {
        created_at: moment("created_at"),
        updated_at: moment("updated_at"),
        email_verified: body["email_verified"].as_bool().unwrap_or(false),
        tier_id: body["tier_id"].as_i64(),
        is_superuser: body["is_superuser"].as_bool(),
    }
}

/// A text, number or boolean as text; what is empty is none.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Dialect;

    #[test]
    fn an_account_is_whoever_can_be_told_from_others() {
        let uuid = "0199e7f2-6f3b-7c5e-9d1a-000000000001";
        for (body, told) in [
            (json!({"id": 7, "username": "ada", "name": "Ada"}), Some(["7", "ada", "Ada"])),
            (json!({"id": uuid, "username": "ada"}), Some([uuid, "ada", "ada"])),
            (json!({"username": "ada", "name": null}), Some(["", "ada", "ada"])),
            (json!({"id": 7, "email": "a@b.cd"}), Some(["7", "a@b.cd", "a@b.cd"])),
            (json!({"id": 7}), Some(["7", "", ""])),
            (json!({"id": 1e300, "username": 42}), Some(["1e+300", "42", "42"])),
            (json!({"name": "Ada"}), None),
            (json!({"id": "", "username": ""}), None),
            (json!({"id": {}, "username": []}), None),
            (json!("<html>"), None),
            (json!(null), None),
        ] {
            let account = Dialect::default().account(&body);
            let account = account.map(|it| [it.id.to_string(), it.username, it.name]);
            assert_eq!(account, told.map(|told| told.map(str::to_owned)), "{body}");
        }
    }
}
