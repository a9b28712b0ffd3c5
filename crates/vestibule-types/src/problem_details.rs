use serde::Serialize;

use crate::FieldError;

/// Media type of [`ProblemDetails`] (RFC 9457, 3). JSON is UTF-8 and takes no `charset` (RFC 8259, 11).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a script is told of a refusal: problem details (RFC 9457), whose `detail` is also what clients of the
/// contract read, and whose `code` is what programs go by. docs/errors has a page for each code.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProblemDetails {
    /// `urn:vestibule:error:CODE`: to be compared, not fetched.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    /// Which request it was, as the logs call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where to sign in, on this site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Every field that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
}

impl ProblemDetails {
    /// The members that each problem has. `title` says what kind it is, `detail` what happened; neither tells
    /// of versions, paths, SQL or stacks (ER-02).
    pub fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let (kind, detail) = (format!("urn:vestibule:error:{code}"), detail.into());
        Self { kind, title, status, detail, code, instance: None, login: None, errors: None }
    }
}

#[cfg(test)]
mod tests {
    use super::ProblemDetails;

    #[test]
    fn er_01_one_body_is_both_a_detail_and_a_problem() {
        let mut problem = ProblemDetails::new(404, "not_found", "Not found", "Not Found");
        problem.instance = Some("4f2a".to_owned());
        let json = r#"{"type":"urn:vestibule:error:not_found","title":"Not found","status":404,"detail":"Not Found","code":"not_found","instance":"4f2a"}"#;
        assert_eq!(serde_json::to_string(&problem).unwrap(), json);
    }
}
