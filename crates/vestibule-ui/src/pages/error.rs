use askama::Template;
use vestibule_gateway::Problem;

use super::Frame;
use crate::error_text::{Words, words};
use crate::text::duration;

/// A page for everything that can go wrong.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html", whitespace = "minimize")]
pub struct ErrorPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// What went wrong.
    pub problem: Problem,
    /// What to name when asking somebody for help.
    pub request_id: String,
    /// What was asked for, on this site, if it was only to be read: then it can be asked for again.
    pub path: Option<String>,
}

impl ErrorPage {
    /// The page for `problem` with nothing else known.
    pub fn new(frame: Frame, problem: Problem) -> Self {
        Self { frame, problem, request_id: "-".to_owned(), path: None }
    }

    fn words(&self) -> Words {
        words(self.problem)
    }

    /// An outage is never "signed out" (ER-04): that is worth a sentence.
    fn is_session_kept(&self) -> bool {
        self.problem.status.is_server_error()
            && self.problem != Problem::SESSION_TOO_LARGE
            && self.frame.person.is_some()
    }

    /// How to mend it.
    fn mend(&self) -> String {
        match (self.problem.retry_after, &self.path) {
            (Some(seconds), Some(_)) => format!("Try again in {}.", duration(seconds)),
            (Some(seconds), None) => {
                format!("Go back in {} and send it again.", duration(seconds))
            }
            (None, _) => self.words().mend.to_owned(),
        }
    }

    /// Where "Try again" leads, if waiting may help: only to a path on this site.
    fn retry_link(&self) -> Option<&str> {
        let is_passing = self.problem.retry_after.is_some() || self.problem == Problem::INTERNAL;
        let path = self.path.as_deref().filter(|_| is_passing)?;
        let local = path.starts_with('/')
            && !path[1..].starts_with(['/', '\\'])
            && !path.contains(char::is_control);
        local.then_some(path)
    }

    /// Nobody asks for help because of a mistyped address, or because he has to sign in.
    fn is_worth_naming(&self) -> bool {
        !matches!(self.problem, Problem::NOT_FOUND | Problem::SIGNED_OUT)
    }
}

#[cfg(test)]
mod tests {
    use askama::Template as _;
    use vestibule_gateway::Problem;

    use super::{ErrorPage, Frame};
    use crate::pages::Person;

    fn page(problem: Problem, person: Option<Person>, path: Option<&str>) -> String {
        let frame = Frame { person, ..Frame::default() };
        let page = ErrorPage { path: path.map(str::to_owned), ..ErrorPage::new(frame, problem) };
        page.render().unwrap()
    }

    fn ada() -> Option<Person> {
        Some(Person { name: "Ada Lovelace".to_owned(), username: "ada".to_owned() })
    }

    #[test]
    fn er_04_who_was_signed_in_reads_that_an_outage_has_not_changed_that() {
        for problem in Problem::ALL {
            let is_outage =
                problem.status.is_server_error() && problem != Problem::SESSION_TOO_LARGE;
            let kept = "Your session is kept: you are still signed in.";
            assert_eq!(page(problem, ada(), None).contains(kept), is_outage, "{}", problem.code);
            assert!(!page(problem, None, None).contains(kept), "{}", problem.code);
        }
    }

    #[test]
    fn what_passes_can_be_tried_again_and_what_was_sent_has_to_be_sent_again() {
        for problem in Problem::ALL {
            let is_passing = problem.retry_after.is_some() || problem == Problem::INTERNAL;
            let link = r#"href="/a?b=c">Try again<"#;
            let read = page(problem, None, Some("/a?b=c"));
            assert_eq!(read.contains(link), is_passing, "{}", problem.code);
            let sent = page(problem, None, None);
            assert!(!sent.contains(">Try again<"), "{}", problem.code);
            let again = "and send it again.";
            assert!(problem.retry_after.is_none() || sent.contains(again), "{}", problem.code);
        }
    }

    #[test]
    fn a_page_names_its_request_unless_nobody_would_ask_for_help() {
        for problem in Problem::ALL {
            let page = ErrorPage {
                request_id: "4f2a".to_owned(),
                ..ErrorPage::new(Frame::default(), problem)
            };
            let is_named = page.render().unwrap().contains("<code>4f2a</code>");
            let is_plain = matches!(problem.code, "not_found" | "signed_out");
            assert_eq!(is_named, !is_plain, "{}", problem.code);
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
            let shown = page(Problem::UNREACHABLE, None, Some(path));
            assert_eq!(shown.contains(">Try again<"), local, "{path}");
        }
    }
}
