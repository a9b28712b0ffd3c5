use askama::Template;
use http::StatusCode;

use super::Frame;
use crate::text::duration;

/// A page for everything that can go wrong, chosen by its status.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html", whitespace = "minimize")]
pub struct ErrorPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// Of the answer.
    pub status: StatusCode,
    /// What to name when asking somebody for help.
    pub request_id: Option<String>,
    /// The path on this site to try again, by GET.
    pub retry: Option<String>,
    /// Seconds until it is worth trying.
    pub retry_after: Option<u64>,
}

impl ErrorPage {
    /// The page for `status` with nothing else known.
    pub fn new(frame: Frame, status: StatusCode) -> Self {
        Self { frame, status, request_id: None, retry: None, retry_after: None }
    }

    fn heading(&self) -> &'static str {
        match self.status.as_u16() {
            400 => "We can't read this address",
            401 => "Please sign in first",
            403 => "This request was stopped",
            404 => "There's no page here",
            405 => "That can't be done here",
            413 => "That's too much at once",
            422 => "Something in that form doesn't fit",
            429 => "A little too fast",
            502..=504 => "We'll be right back",
            code if code < 500 => "That didn't work",
            _ => "Something broke on our side",
        }
    }

    /// The cause.
    fn cause(&self) -> &'static str {
        match self.status.as_u16() {
            400 => "The link seems to be cut off or mistyped.",
            401 => "This page is only for people who are signed in.",
            403 => {
                "It came from another website, or from a page that was open for a long time. \
                 To protect your account, nothing was done."
            }
            404 => "The address may be mistyped, or the page has moved.",
            405 => "This address takes no visit of this kind.",
            413 => "What was sent is larger than we take in. Nothing was saved.",
            422 => "Nothing was saved.",
            429 => "Too many requests came from your connection in a short time.",
            502..=504 if self.frame.person.is_some() => {
                "A service behind this page isn't answering. Your session is kept: you are still signed in."
            }
            502..=504 => "A service behind this page isn't answering. It's not your fault.",
            code if code < 500 => "We couldn't do what was asked.",
            _ => "It's not your fault, and we have made a note of it.",
        }
    }

    /// How to mend it.
    fn mend(&self) -> String {
        match (self.status.as_u16(), self.retry_after) {
            (400 | 404, _) => "Check the address, or start from the front page.".to_owned(),
            (401, _) => "Sign in and open it again.".to_owned(),
            (403, _) => "Open the page again from here and repeat what you did.".to_owned(),
            (413 | 422, _) => "Go back, change it and send it again.".to_owned(),
            (429 | 502..=504, Some(seconds)) => format!("Try again in {}.", duration(seconds)),
            (429, None) => "Wait a moment, then try again.".to_owned(),
            (502..=504, None) => "Try again in a moment.".to_owned(),
            (code, _) if code < 500 => "Start again from the front page.".to_owned(),
            _ => "Try again in a moment. If it stays like this, tell the people who run this site."
                .to_owned(),
        }
    }

    /// Where "Try again" leads: only to a path on this site.
    fn retry_link(&self) -> Option<&str> {
        let path = self.retry.as_deref()?;
        let local = path.starts_with('/')
            && !path[1..].starts_with(['/', '\\'])
            && !path.contains(char::is_control);
        local.then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{ErrorPage, Frame};

    #[test]
    fn every_error_has_a_cause_and_a_way_on() {
        for code in 400..600 {
            let page = ErrorPage::new(Frame::default(), StatusCode::from_u16(code).unwrap());
            assert!(page.heading().len() > 8 && page.cause().len() > 8 && page.mend().len() > 8);
        }
    }

    #[test]
    fn trying_again_never_leaves_this_site() {
        for (path, local) in [
            ("/dashboard?a=b", true),
            ("/", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            let page = ErrorPage {
                retry: Some(path.to_owned()),
                ..ErrorPage::new(Frame::default(), StatusCode::SERVICE_UNAVAILABLE)
            };
            assert_eq!(page.retry_link().is_some(), local, "{path}");
        }
    }
}
