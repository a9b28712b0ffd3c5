use askama::Template;

use super::Frame;

/// `/api/auth/error`: where an app that uses the Better Auth client sends somebody whom it could not sign in.
#[derive(Clone, Debug, Template)]
#[template(path = "auth_error.html", whitespace = "minimize")]
pub struct AuthError {
    /// What surrounds the page.
    pub frame: Frame,
    /// What to name when asking somebody for help.
    code: String,
}

/// Most characters of a code.
const LONGEST: usize = 64;

impl AuthError {
    /// The page for the `error` of a query. What is not shaped like a code is not shown: anybody can write a link.
    pub fn new(frame: Frame, error: Option<&str>) -> Self {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_code =
            |error: &&str| (1..=LONGEST).contains(&error.len()) && error.bytes().all(is_legal);
        Self { frame, code: error.filter(is_code).unwrap_or("UNKNOWN").to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use askama::Template as _;

    use super::{AuthError, Frame};

    #[test]
    fn cs_12_only_what_is_shaped_like_a_code_is_shown() {
        let long = "A".repeat(65);
        for (error, shown) in [
            (Some("INVALID_TOKEN"), "INVALID_TOKEN"),
            (Some("state_not-found"), "state_not-found"),
            (Some("<script>alert(1)</script>"), "UNKNOWN"),
            (Some("Call 0800 now"), "UNKNOWN"),
            (Some("\u{41d}\u{415}\u{422}"), "UNKNOWN"),
            (Some(long.as_str()), "UNKNOWN"),
            (Some(""), "UNKNOWN"),
            (None, "UNKNOWN"),
        ] {
            let page = AuthError::new(Frame::default(), error).render().unwrap();
            assert!(page.contains(&format!("<code>{shown}</code>")), "{error:?}: {page}");
            assert!(!page.contains("alert(1)") && !page.contains("0800"), "{error:?}");
        }
    }
}
