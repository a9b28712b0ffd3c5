//! What the site would do with a request, in words, found by the same functions that do it.

use std::fmt;

use http::{Method, Uri};

use crate::browser::is_never_answered;
use crate::path::CanonicalPath;
use crate::plan::{Plan, Way};
use crate::route::{HostPolicy, Route, Size, TokenPolicy};
use crate::toward_ui::{SessionPolicy, told};

/// What becomes of a request, line by line; each line is what it is about, and what is so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation(Vec<(&'static str, String)>);

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (about, said) in &self.0 {
            writeln!(out, "  {about:<9}{said}")?;
        }
        Ok(())
    }
}

impl Plan {
    /// Says what becomes of `method` and `target`, a path with or without a query.
    pub fn explain(&self, method: &Method, target: &str) -> Explanation {
        let bare = target.split(['?', '#']).next().unwrap_or_default();
        let path = match CanonicalPath::parse(bare) {
            Ok(path) => path,
            Err(why) => {
                return Explanation(vec![("path", format!("{bare} is refused with 400: {why}"))]);
            }
        };
        if is_never_answered(method) {
            let refused = format!("{method} is refused with 405, wherever it goes");
            return Explanation(vec![("path", shown(bare, &path)), ("method", refused)]);
        }
        let query = target.find('?').map_or("", |start| &target[start..]);
        let Ok(uri) = format!("{}{query}", path.as_str()).parse::<Uri>() else {
            let why = format!("{target} is refused with 400: no query is written like that");
            return Explanation(vec![("path", why)]);
        };
        let mut said = vec![("path", shown(bare, &path))];
        let way = self.way(method, &path);
        match &way {
            Way::Ours if path.as_str().starts_with("/_vestibule/") => {
                said.push(("route", "Vestibule's own files".to_owned()));
            }
            Way::BetterAuth => said.push((
                "route",
                "Vestibule's answers to the Better Auth client; a route within /api/auth goes before".to_owned(),
            )),
            Way::Ours => {
                said.push(("route", "Vestibule's own pages, or 404 where it has none".to_owned()))
            }
            Way::OtherMethods(others) => said.push((
                "route",
                format!("405: the routes for this path take {others}, and not {method}"),
            )),
            Way::Theirs(route) => {
                let target = route.target(&uri);
                match route.is_identity && self.dialect.is_entrance(target.path()) {
                    true => said.push(("route", NOT_PASSED_ON.to_owned())),
                    false => {
                        let told = told(route, path.as_str(), self.guards(&path, &way));
                        said.extend(self.of_route(route, &target, told));
                    }
                }
            }
        }
        said.push(("session", self.of_session(&path, &way)));
        Explanation(said)
    }

    fn of_route(
        &self,
        route: &Route,
        target: &Uri,
        told: SessionPolicy,
    ) -> Vec<(&'static str, String)> {
        let token = match route.token {
            TokenPolicy::Attach => format!(
                "the visitor's access token, kept fresh, as {}; none while signed out",
                self.dialect.shown_as()
            ),
            TokenPolicy::Pass => {
                "the client's own Authorization is passed on; the visitor's token is not".to_owned()
            }
            TokenPolicy::None => "none is sent".to_owned(),
        };
        let cookies =
            if route.cookies { "the visitor's without Vestibule's" } else { "none are sent" };
        let host = match route.host {
            HostPolicy::Site => "the site's",
            HostPolicy::Upstream => "the upstream's own",
        };
        let silence = route
            .silence
            .map_or("60 s of silence, no limit for streams and sockets".to_owned(), |silence| {
                format!("{} s of silence", silence.as_secs())
            });
        let mut said = vec![
            ("route", format!("{} to {}, which gets {target}", route.text, route.upstream.name())),
            ("token", token),
            ("cookies", cookies.to_owned()),
            ("host", host.to_owned()),
            ("body", format!("at most {}, else 413", Size(route.body_limit))),
            (
                "times",
                format!("{} s for the head of an answer, {silence}", route.patience.as_secs()),
            ),
        ];
        if route.session != SessionPolicy::None {
            said.push(("visitor", of_visitor(told).to_owned()));
        }
        if !route.roles.is_empty() {
            said.push(("roles", format!("one of {}, else 403", route.roles.join(", "))));
        }
        if !route.tiers.is_empty() {
            let tiers: Vec<String> = route.tiers.iter().map(i64::to_string).collect();
            said.push(("tiers", format!("one of {}, else 403", tiers.join(", "))));
        }
        if route.cacheable {
            said.push(("caches", "may keep answers that say public".to_owned()));
        }
        said
    }

    fn of_session(&self, path: &CanonicalPath, way: &Way) -> String {
        if !self.guards(path, way) {
            return "not needed".to_owned();
        }
        let why = match way {
            Way::Theirs(route) if route.needs_role() => {
                "the route asks for roles or tiers".to_owned()
            }
            Way::Theirs(route) if route.guard == Some(true) => {
                "the route says guard = true".to_owned()
            }
            _ => self.reason(path),
        };
        format!("needed: {why}; without one, pages lead to /login and scripts get 401")
    }
}

fn of_visitor(told: SessionPolicy) -> &'static str {
    match told {
        SessionPolicy::None => "nothing is told: files are the same for everybody",
        SessionPolicy::Identity => "the path, and who it is, signed",
        SessionPolicy::Ticket => "the path; who it is, signed; a ticket for calls to the API",
        SessionPolicy::Token => {
            "the path; who it is, signed; a ticket for calls to the API; the access token as Authorization: Bearer and the cookie access_token"
        }
    }
}

fn shown(raw: &str, path: &CanonicalPath) -> String {
    match raw == path.as_str() {
        true => raw.to_owned(),
        false => format!("{} (from {raw})", path.as_str()),
    }
}

const NOT_PASSED_ON: &str =
    "404: signing in, staying and out are not passed on: /login, /register and /logout do it";

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::plan::PlanSettings;
    use crate::upstream::Upstream;

    #[test]
    fn a_token_is_said_to_be_shown_as_it_is() {
        let api = Upstream::at(&Url::parse("http://127.0.0.1:9").unwrap()).unwrap();
        for (call, shown) in [
            (json!({}), "Authorization: Bearer;"),
            (json!({"header": "x-api-key", "scheme": ""}), "X-Api-Key;"),
            (json!({"scheme": "Token"}), "Authorization: Token;"),
            (json!({"cookie": "token"}), "the cookie token;"),
        ] {
            let dialect = serde_json::from_value(json!({"call": call})).unwrap();
            let plan = Plan::new(PlanSettings { dialect, ..PlanSettings::new(api.clone()) });
            let said = plan.unwrap().explain(&Method::GET, "/api/v1/x").to_string();
            assert!(said.contains(&format!("kept fresh, as {shown}")), "{said}");
        }
    }

    #[test]
    fn what_a_ui_is_told_of_its_visitor_is_said() {
        let api = Upstream::at(&Url::parse("http://127.0.0.1:9").unwrap()).unwrap();
        for (ui_session, path, said) in [
            (SessionPolicy::None, "/shop", None),
            (SessionPolicy::Identity, "/shop", Some("the path, and who it is, signed")),
            (SessionPolicy::Ticket, "/shop", Some("a ticket for calls to the API")),
            (SessionPolicy::Token, "/shop", Some("and the cookie access_token")),
            (SessionPolicy::Token, "/logo.png", Some("files are the same for everybody")),
            (SessionPolicy::Token, "/dashboard/me.png", Some("and the cookie access_token")),
            (SessionPolicy::Ticket, "/api/v1/user/me", None),
        ] {
            let settings = PlanSettings {
                ui: Some(api.clone()),
                ui_session,
                ..PlanSettings::new(api.clone())
            };
            let told = Plan::new(settings).unwrap().explain(&Method::GET, path).to_string();
            let line = told.lines().find(|line| line.starts_with("  visitor  "));
            assert_eq!(line.is_some(), said.is_some(), "{told}");
            assert!(line.is_none_or(|line| line.ends_with(said.unwrap_or_default())), "{told}");
        }
    }
}
