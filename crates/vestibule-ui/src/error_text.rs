//! What people read when the site has to refuse or fail: one home for turning a problem's code into sentences
//! that say the cause and how to mend it.

use vestibule_gateway::Problem;

/// The sentences for one problem.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Words {
    pub(crate) heading: &'static str,
    pub(crate) cause: &'static str,
    /// How to mend it, where waiting is not the way.
    pub(crate) mend: &'static str,
}

/// The sentences for `problem`. Those with a time to wait say by themselves when to come back.
pub(crate) fn words(problem: Problem) -> Words {
    let (heading, cause, mend) = match problem.code {
        "bad_path" => (
            "We can't read this address",
            "The link seems to be cut off or mistyped.",
            "Check the address, or start from the front page.",
        ),
        "bad_body" => (
            "That didn't arrive whole",
            "What was sent broke off on its way, or isn't what this page expects. Nothing was saved.",
            "Go back and send it again.",
        ),
        "bad_forwarding" | "untrusted_hop" => (
            "Something in between is set up wrongly",
            "A server on the way to this site passed your request on in a form that we can't read.",
            "You can't mend this: tell the people who run this site.",
        ),
        "https_required" => (
            "This site needs a secure connection",
            "It was asked for without encryption.",
            "Open it with https:// in front of the address.",
        ),
        "signed_out" => (
            "Please sign in first",
            "This page is only for people who are signed in.",
            "Sign in and open it again.",
        ),
        "cross_site" => (
            "This request was stopped",
            "It came from another website, or from a page that was open for a long time. \
             To protect your account, nothing was done.",
            "Open the page again from here and repeat what you did.",
        ),
        "forbidden" => (
            "This isn't open to your account",
            "You are signed in, but your account has no right to this page.",
            "If it should, ask the people who run this site.",
        ),
        "not_found" => (
            "There's no page here",
            "The address may be mistyped, or the page has moved.",
            "Check the address, or start from the front page.",
        ),
        "method_not_allowed" => (
            "That can't be done here",
            "This address takes no visit of this kind.",
            "Start again from the front page.",
        ),
        "malformed_request" => (
            "This request can't be read",
            "A program sent something that this site doesn't understand.",
            "Start again from the front page.",
        ),
        "request_late" => (
            "That took too long to arrive",
            "Your connection was too slow or broke off while sending. Nothing was saved.",
            "Check your connection, go back and send it again.",
        ),
        "too_large" => (
            "That's too much at once",
            "What was sent is larger than this form takes. Nothing was saved.",
            "Go back, shorten it and send it again.",
        ),
        "body_too_large" => (
            "That's too large to upload",
            "What was sent is larger than this address takes. Nothing was saved.",
            "Go back and choose a smaller file.",
        ),
        "target_too_long" => (
            "This address is too long",
            "The link carries more than we can take in.",
            "Start from the front page.",
        ),
        "misdirected" => (
            "There's another site at this address",
            "Your browser asked for a name that isn't served here.",
            "Check the address, or come in by the link that you were given.",
        ),
        "head_too_large" => (
            "Your browser sends too much",
            "The cookies for this site, or what an extension adds, are larger than we take in.",
            "Delete this site's cookies in your browser and sign in again.",
        ),
        "session_too_large" => (
            "We couldn't keep you signed in",
            "Your session is too large for a cookie. It's not your fault.",
            "You can't mend this: tell the people who run this site.",
        ),
        "upstream_broken" | "upstream_unreachable" | "upstream_failing" => (
            "We'll be right back",
            "A service behind this page isn't answering. It's not your fault.",
            "Try again in a moment.",
        ),
        "upstream_slow" => (
            "This takes too long",
            "A service behind this page didn't answer in time. It's not your fault.",
            "Try again in a moment.",
        ),
        "upstream_overloaded" => (
            "A lot is going on right now",
            "More is being asked of this site than it can do at once. It's not your fault.",
            "Try again in a moment.",
        ),
        "revocations_unknown" => (
            "We'll be right back",
            "We can't check at the moment whether your session is still good, so we don't show this page.",
            "Try again in a moment.",
        ),
        "redirect_loop" => (
            "This page goes round in circles",
            "It asks you to sign in though you are signed in already. It's not your fault.",
            "Start from the front page. If it stays like this, tell the people who run this site.",
        ),
        _ => (
            "Something broke on our side",
            "It's not your fault, and we have made a note of it.",
            "Try again in a moment. If it stays like this, tell the people who run this site.",
        ),
    };
    Words { heading, cause, mend }
}

#[cfg(test)]
mod tests {
    use vestibule_gateway::Problem;

    use super::words;

    #[test]
    fn every_problem_has_words_of_its_own_and_only_a_bug_has_the_general_ones() {
        let general = words(Problem::INTERNAL);
        for problem in Problem::ALL {
            let words = words(problem);
            assert_eq!(words == general, problem == Problem::INTERNAL, "{}", problem.code);
            for text in [words.cause, words.mend] {
                assert!(text.ends_with('.'), "{text}");
            }
            assert!(!words.heading.ends_with('.'), "{}", words.heading);
        }
    }

    #[test]
    fn er_02_what_people_read_names_nothing_technical() {
        const JARGON: [&str; 9] =
            ["upstream", "gateway", "proxy", "HTTP", "API", "SQL", "token", "header", "status"];
        for problem in Problem::ALL {
            let words = words(problem);
            let text = [words.heading, words.cause, words.mend].join(" ");
            assert!(!JARGON.iter().any(|word| text.contains(word)), "{}: {text}", problem.code);
        }
    }
}
