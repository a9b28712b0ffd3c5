//! `vestibule doctor`: a running site as a stranger finds it. What in it can be forgotten, or put in the wrong place,
//! without anybody noticing (contract: Next.js, row 7), shows in its answers.

use axum::body::Body;
use http::header::{ACCEPT, COOKIE, HOST, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use vestibule_gateway::Upstream;

use crate::operate::report;
use crate::run::RunError;
use crate::settings;

/// A question and what a site that is set up rightly answers.
struct Check {
    /// What is found, if all is well.
    well: String,
    path: String,
    headers: Vec<(HeaderName, &'static str)>,
    judge: fn(&Answer) -> Result<(), &'static str>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Most bytes of an answer that are read.
const MOST: usize = 1 << 20;

/// Asks a site, and says of each answer whether it is right, and if not, how to mend it.
///
/// # Errors
/// [`RunError`] if one is not, or if there is no answer at all.
pub(crate) async fn doctor(settings: settings::Doctor) -> Result<(), RunError> {
    let site = Site::at(&settings)?;
    let mut faults = 0_u32;
    let checks = checks(&settings.protect);
    for check in &checks {
        let answer = site.ask(check).await?;
        match (check.judge)(&answer) {
            Ok(()) => report(&format!("ok     {}", check.well)),
            Err(fault) => {
                faults += 1;
                report(&format!("FAULT  {}: {}. {fault}", check.path, answer.status.as_u16()));
            }
        }
    }
    if faults == 0 {
        return Ok(());
    }
    Err(RunError::Setting(format!(
        "{faults} of {} answers are not as they should be",
        checks.len()
    )))
}

fn checks(protect: &[String]) -> Vec<Check> {
    let of_all = [
        Check {
            well: "a gateway answers for the site".to_owned(),
            path: "/_vestibule/identity-keys".to_owned(),
            headers: vec![],
            judge: has_keys,
        },
        Check {
            well: "the pages' server answers".to_owned(),
            path: "/".to_owned(),
            headers: navigation(),
            judge: is_answered,
        },
    ];
    of_all.into_iter().chain(protect.iter().flat_map(|path| of_page(path))).collect()
}

fn of_page(path: &str) -> [Check; 3] {
    let check = |well: &str, headers, judge| Check {
        well: format!("{path} {well}"),
        path: path.to_owned(),
        headers,
        judge,
    };
    let with_cookie = navigation().into_iter().chain([(COOKIE, BROKEN)]).collect();
    [
        check("sends strangers to sign in", navigation(), leads_to_login),
        check("tells prefetches of strangers nothing", prefetch(), is_empty),
        check("sends who has a broken cookie to sign in", with_cookie, opens_cookies),
    ]
}

/// What a browser says when a person goes to a page.
fn navigation() -> Vec<(HeaderName, &'static str)> {
    vec![
        (ACCEPT, "text/html"),
        (HeaderName::from_static("sec-fetch-mode"), "navigate"),
        (HeaderName::from_static("sec-fetch-dest"), "document"),
    ]
}

/// What Next.js says when a link comes into view.
fn prefetch() -> Vec<(HeaderName, &'static str)> {
    vec![
        (HeaderName::from_static("rsc"), "1"),
        (HeaderName::from_static("next-router-prefetch"), "1"),
    ]
}

/// Under both names of the session's cookie.
const BROKEN: &str = "vestibule=broken; __Host-Http-vestibule=broken";

fn has_keys(answer: &Answer) -> Result<(), &'static str> {
    let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let keys = document.and_then(|document| document["keys"].as_array().map(Vec::len));
    match (answer.status, keys) {
        (StatusCode::OK, Some(1..)) => Ok(()),
        (status, _) if status.is_server_error() => Err(
            "The gateway can't be reached through the site: VESTIBULE_URL is built into Next.js, and has to be right during next build",
        ),
        _ => Err(
            "That is no answer of a gateway: name the address that browsers use; where Next.js stands in front, next.config has to export withVestibule(…)",
        ),
    }
}

fn is_answered(answer: &Answer) -> Result<(), &'static str> {
    match answer.status.is_server_error() {
        true => Err("Start the server of the pages, or point --ui at it"),
        false => Ok(()),
    }
}

fn leads_to_login(answer: &Answer) -> Result<(), &'static str> {
    let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    match answer.status {
        StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT if to.contains("/login?next=") => {
            Ok(())
        }
        status if status.is_server_error() => Err("See the log of the pages' server"),
        _ => Err(
            "Strangers may open it: name it with --protect of the site; where Next.js stands in front, proxy.ts has to stand beside the folder app \
             (in src, if that is there), its matcher has to cover the page, and withVestibule has to protect it",
        ),
    }
}

fn is_empty(answer: &Answer) -> Result<(), &'static str> {
    match answer.status {
        StatusCode::NO_CONTENT => Ok(()),
        _ => Err(
            "A prefetched link would lead to the login for good: protect of withVestibule has to name the page, and the matcher of proxy.ts to leave \
             prefetches out, as vestibule init next writes it",
        ),
    }
}

fn opens_cookies(answer: &Answer) -> Result<(), &'static str> {
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE => Err(
            "The proxy can't ask the gateway: VESTIBULE_KEY has to be what vestibule next-key prints there, and VESTIBULE_URL to lead there",
        ),
        _ => leads_to_login(answer),
    }
}

/// Where the questions go.
struct Site {
    upstream: Upstream,
    host: HeaderValue,
}

impl Site {
    fn at(settings: &settings::Doctor) -> Result<Self, RunError> {
        let url = &settings.site;
        let unusable = || {
            RunError::Setting(format!("{url} has to be an origin such as http://localhost:3000"))
        };
        if url.path() != "/" || url.query().is_some() {
            return Err(unusable());
        }
        let upstream = Upstream::at(url).map_err(|_| unusable())?;
        let host = url.host_str().ok_or_else(unusable)?;
        let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { upstream, host: HeaderValue::try_from(host).map_err(|_| unusable())? })
    }

    async fn ask(&self, check: &Check) -> Result<Answer, RunError> {
        let lost = |why: String| RunError::Setting(format!("{}: no answer: {why}", check.path));
        let mut request = Request::builder().uri(&check.path).header(HOST, &self.host);
        for (name, value) in &check.headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).map_err(|why| lost(why.to_string()))?;
        let answer = self.upstream.send(request).await.map_err(|why| lost(why.to_string()))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST).collect().await.map_err(|why| lost(why.to_string()))?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() })
    }
}
