//! Which headers cross the gateway, each way. Everything else in the crate may rely on it: what an
//! upstream is told about the client, it is told by us (GW-01, GW-02, GW-03).

use std::net::IpAddr;

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, COOKIE, FORWARDED, HOST, ORIGIN, REFERER, REFERRER_POLICY, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::cookie::SessionCookie;
use crate::names::{X_REQUEST_ID, is_hop_by_hop, is_of_the_server, is_ours_to_say};
use crate::set_cookie::names_set_by;
use crate::site::Site;

/// What an upstream is told about the request, whatever the client said.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// The site that the client called.
    pub site: &'a Site,
    /// What the logs of both sides call this request.
    pub request_id: &'a HeaderValue,
}

/// What of a request's headers an upstream gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Crossing {
    /// The cookies, without ours (GW-04).
    pub cookies: bool,
    /// `Authorization`, as the client sent it.
    pub authorization: bool,
    /// The site's `Host`; otherwise the HTTP client adds the upstream's own.
    pub host: bool,
    /// What browsers say of a request's origin. An API that is called with a token has no use for it.
    pub origin: bool,
}

/// A request's headers as an upstream gets them: none that are said hop by hop, nor those that only we may say. The caller
/// adds the token.
pub fn toward(
    from: &HeaderMap,
    with: &Forwarding<'_>,
    crossing: Crossing,
    cookie: &SessionCookie,
) -> HeaderMap {
    let named = named_by_connection(from);
    let mut headers = HeaderMap::with_capacity(from.len() + ROOM);
    for (name, value) in from {
        let crosses = match *name {
            COOKIE if !crossing.cookies => false,
            HOST => false,
            _ if is_of_origin(name) && !crossing.origin => false,
            _ => !is_hop_by_hop(name) && !is_ours_to_say(name) && !named.contains(name),
        };
        if crosses {
            headers.append(name.clone(), value.clone());
        }
    }
    cookie.strip(&mut headers);
    if crossing.host {
        headers.insert(HOST, ascii(with.site.authority()));
    }
    if let Some(authorization) = from.get(AUTHORIZATION).filter(|_| crossing.authorization) {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    // Without it, HTTP/1.1 carries no trailers (RFC 9110, 6.6.2).
    if let Some(trailer) = from.get(TRAILER).filter(|_| from.contains_key(TRANSFER_ENCODING)) {
        headers.insert(TRAILER, trailer.clone());
    }
    introduce(&mut headers, with);
    headers
}

/// How many headers are added on the way.
const ROOM: usize = 10;

/// What browsers say of where a request comes from.
fn is_of_origin(name: &HeaderName) -> bool {
    matches!(*name, ORIGIN | REFERER) || name.as_str().starts_with("sec-fetch-")
}

/// Whether a client can take trailers: gRPC's way of saying so. Only HTTP/2 upstreams are told, for which it is no
/// matter of the connection (RFC 9113, 8.2.2).
pub(crate) fn takes_trailers(from: &HeaderMap) -> bool {
    from.get(TE).is_some_and(|te| te.to_str().is_ok_and(|te| te.contains("trailers")))
}

/// Whether an answer's head says in one way only how long it is: two readers might choose differently (RFC 9112, 6.3).
/// Another transfer coding than `chunked` is none that we could take off.
pub(crate) fn has_one_length(version: Version, headers: &HeaderMap) -> bool {
    let (mut lengths, mut codings) =
        (headers.get_all(CONTENT_LENGTH).iter(), headers.get_all(TRANSFER_ENCODING).iter());
    let is_number = |length: &HeaderValue| {
        let text = length.to_str().unwrap_or_default();
        text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
    };
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    match (lengths.next(), codings.next()) {
        (None, None) => true,
        (Some(length), None) => is_number(length) && lengths.next().is_none(),
        (None, Some(coding)) => {
            version == Version::HTTP_11 && is_chunked(coding) && codings.next().is_none()
        }
        (Some(_), Some(_)) => false,
    }
}

/// Whether an answer is a stream of events, which may be silent for as long as it likes.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// Asks for a WebSocket, or grants one: the only protocol that we change to (RFC 6455, 4.1; GW-15).
pub(crate) fn upgrade(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Makes an answer of the API fit for the browser: [`from_upstream`], and the API's own token cookies stay
/// here (CK-12).
pub fn from_api(headers: &mut HeaderMap, cookie: &SessionCookie) {
    from_upstream(headers, cookie);
    retain_cookies(headers, |name| {
        !API_COOKIES.iter().any(|tokens| name.eq_ignore_ascii_case(tokens.as_bytes()))
    });
}

/// Makes an answer of an upstream fit for the browser: hop-by-hop headers, what the server says of itself,
/// identity headers and cookies in our name stay here (GW-03, GW-21, CK-10).
pub fn from_upstream(headers: &mut HeaderMap, cookie: &SessionCookie) {
    let trailer = headers.get(TRAILER).cloned();
    remove_hop_by_hop(headers);
    headers.extend(trailer.map(|trailer| (TRAILER, trailer)));
    remove_where(headers, is_of_the_server);
    retain_cookies(headers, |name| !cookie.owns(name));
}

/// What a page of a UI says of itself to browsers, where it says nothing: that others may not frame it, nor read its
/// address, and that its type is what it says (contract: Next.js, G14; CS-13).
pub(crate) fn protect(headers: &mut HeaderMap) {
    let says_who_frames = headers.get_all(CONTENT_SECURITY_POLICY).iter().any(|policy| {
        policy.as_bytes().to_ascii_lowercase().windows(15).any(|word| word == b"frame-ancestors")
    });
    if !says_who_frames {
        or_insert(headers, X_FRAME_OPTIONS, "SAMEORIGIN");
    }
    or_insert(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    or_insert(headers, REFERRER_POLICY, "same-origin");
}

fn or_insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

/// Trailers come after everybody has decided: none may say what only a head may (RFC 9110, 6.5.1), nor what
/// only we may.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    remove_hop_by_hop(trailers);
    remove_where(trailers, |name| {
        is_ours_to_say(name)
            || matches!(
                *name,
                CONTENT_LENGTH
                    | COOKIE
                    | SET_COOKIE
                    | HOST
                    | AUTHORIZATION
                    | CACHE_CONTROL
                    | CONTENT_TYPE
            )
    });
}

/// Tells an upstream of the request, whatever it was told before: who asked, for which host, over what. The
/// client stands alone in the list of hops; those in between are ours, and nobody has to know how many there are
/// to find it.
pub(crate) fn introduce(headers: &mut HeaderMap, with: &Forwarding<'_>) {
    let client = with.client.to_string();
    headers.insert(FORWARDED, ascii(&forwarded(&client, with)));
    headers.insert(FORWARDED_FOR.clone(), ascii(&client));
    headers.insert(FORWARDED_HOST.clone(), with.site.authority_value());
    headers.insert(FORWARDED_PORT.clone(), with.site.port_value());
    headers.insert(FORWARDED_PROTO.clone(), HeaderValue::from_static(with.site.scheme()));
    headers.insert(X_REQUEST_ID.clone(), with.request_id.clone());
}

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// RFC 7239, 4: what has a colon in it is quoted, an IPv6 address in brackets besides.
fn forwarded(client: &str, with: &Forwarding<'_>) -> String {
    let (host, proto) = (with.site.authority(), with.site.scheme());
    let quote = if host.contains(':') { "\"" } else { "" };
    match with.client {
        IpAddr::V4(_) => ["for=", client, ";host=", quote, host, quote, ";proto=", proto].concat(),
        IpAddr::V6(_) => {
            ["for=\"[", client, "]\";host=", quote, host, quote, ";proto=", proto].concat()
        }
    }
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("addresses and hosts are visible ASCII")
}

/// RFC 9110, 7.6.1. This comes before we add anything, so that a `Connection` header can't name ours.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = named_by_connection(headers);
    remove_where(headers, |name| is_hop_by_hop(name) || named.contains(name));
}

/// What a `Connection` header says is of the connection too.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        // The length of the body is no property of the connection: without it, framing is a guess.
        .filter(|name| *name != CONTENT_LENGTH)
        .collect()
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Keeps the cookies that an answer sets only if their names may pass.
pub(crate) fn retain_cookies(headers: &mut HeaderMap, may_pass: impl Fn(&[u8]) -> bool) {
    let lines: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for line in lines.into_iter().filter(|line| names_set_by(line.as_bytes()).all(&may_pass)) {
        headers.append(SET_COOKIE, line);
    }
}

/// The cookies in which the API hands its tokens to us.
const API_COOKIES: [&str; 2] = ["access_token", "refresh_token"];

#[cfg(test)]
mod tests {
    use vestibule_types::Secret;

    use super::*;
    use crate::seal::SealKeys;

    const FORGED: HeaderValue = HeaderValue::from_static("forged");

    fn site() -> Site {
        "https://app.example.com".parse().unwrap()
    }

    fn cookie() -> SessionCookie {
        SessionCookie::new(&site(), &SealKeys::new(Secret::from_random([1; 32]), vec![]))
    }

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        fields.iter().map(field).collect()
    }

    /// What the API and the UI get of `fields`.
    fn both_ways(fields: &[(&str, &str)]) -> [HeaderMap; 2] {
        let (site, request_id) = (site(), HeaderValue::from_static("r-1"));
        let client = "203.0.113.7".parse().unwrap();
        let with = Forwarding { client, site: &site, request_id: &request_id };
        let api = Crossing { cookies: false, authorization: false, host: false, origin: false };
        let ui = Crossing { cookies: true, host: true, origin: true, ..api };
        [api, ui].map(|crossing| toward(&map(fields), &with, crossing, &cookie()))
    }

    #[test]
    fn gw_01_no_spelling_of_a_name_that_is_ours_to_say_gets_through() {
        const NAMES: &str = "
            Authorization Proxy-Authorization Proxy-Authenticate Proxy Proxy-Connection Connection Keep-Alive
            TE Trailer Transfer-Encoding Upgrade HTTP2-Settings Forwarded X-Forwarded X-Forwarded-For
            X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Server X-Forwarded-Prefix
            X-Forwarded-Uri X-Forwarded-Method X-Forwarded-Scheme X-Forwarded-SSL X-Forwarded-User
            X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Access-Token X-Forwarded-Client-Cert
            X-Forwarded-By X-Forward-For X-Real-IP X-Original-URL X-Original-URI X-Original-Method
            X-Original-Forwarded-For X-Original-Host X-Rewrite-URL X-Rewrite-URI X-HTTP-Method
            X-HTTP-Method-Override X-Method-Override X-Host X-Scheme X-Url-Scheme Front-End-Https Client-IP
            True-Client-IP CF-Connecting-IP CF-Connecting-IPv6 Fastly-Client-IP X-Cluster-Client-IP
            X-ProxyUser-Ip X-Envoy-External-Address X-Envoy-Original-Path X-ARR-SSL X-Request-Id
            X-Vestibule-Identity X-Vestibule-User X-Vestibule X-Middleware-Subrequest X-Middleware-Rewrite
            X-Middleware-Set-Cookie X-Middleware-Next X-Nextjs-Data X-Nextjs-Anything X-Matched-Path
            X-Now-Route-Matches Next-Resume X-Invoke-Path X-Invoke-Status X-Prerender-Revalidate X-User
            X-User-Id X-User-Email X-UserId X-Username X-Users-Roles X-Auth-Request-User X-Auth-Request-Email
            X-Auth-User X-Auth-Token X-Authenticated-User X-Authenticated-Userid X-Authentik-Username
            X-Remote-User X-Remote-Group Remote-User Remote-Groups Remote-Email Remote-Name X-Client-IP
            X-Client-Cert X-Client-DN X-SSL-Client-S-DN SSL-Client-Cert X-Amzn-Oidc-Data X-Amzn-Oidc-Identity
            X-Goog-IAP-JWT-Assertion X-Goog-Authenticated-User-Email X-MS-Client-Principal
            X-MS-Client-Principal-Name X-MS-Token-AAD-Id-Token Cf-Access-Jwt-Assertion
            Cf-Access-Authenticated-User-Email Tailscale-User-Login X-AppEngine-User-Email X-JWT-Assertion
            X-Email X-Groups X-Roles X-Preferred-Username X-Id-Token X-Access-Token X-Account X-Identity
            X-Accel-Redirect X-Accel-Mapping X-Sendfile-Type X-Real-Scheme X-Real-Port X-Originating-IP
            X-Script-Name X-Vercel-Forwarded-For X-Nf-Client-Connection-Ip X-Azure-ClientIP
            X-Ms-Forwarded-Client-Ip CF-Visitor CF-IPCountry Fly-Client-IP X-Consumer-Username X-Consumer-Id
            X-Credential-Identifier X-Anonymous-Consumer X-WEBAUTH-USER X-Pomerium-Claim-Email
            X-Pomerium-Jwt-Assertion OIDC-Claim-Sub X-Oidc-Sub Shib-Session-Id X-Shib-Uid X-Saml-User
            X-Token-Subject X-Scopes X-Is-Admin";
        let mut spellings = 0;
        for name in NAMES.split_whitespace() {
            for spelling in [
                name.to_owned(),
                name.to_uppercase(),
                name.replace('-', "_"),
                name.replace('-', "."),
                name.replace('-', "--"),
                name.replace('-', ""),
                format!("-{name}-"),
                format!("{name}'"),
                format!("~{name}"),
            ] {
                for headers in both_ways(&[(&spelling, "forged")]) {
                    assert!(
                        !headers.values().any(|value| *value == FORGED),
                        "{spelling}: {headers:?}"
                    );
                }
                spellings += 1;
            }
        }
        assert!(spellings > 900, "{spellings}");
    }

    #[test]
    fn gw_01_a_name_outside_letters_digits_and_dash_is_dropped() {
        for name in [
            "a_b", "a.b", "a!b", "a#b", "a$b", "a%b", "a&b", "a'b", "a*b", "a+b", "a^b", "a`b",
            "a|b", "a~b",
        ] {
            for headers in both_ways(&[(name, "forged")]) {
                assert!(!headers.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn what_is_the_clients_to_say_crosses_unchanged() {
        let fields = [
            ("accept", "text/html"),
            ("accept-language", "de"),
            ("cache-control", "no-cache"),
            ("content-length", "5"),
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
            ("if-none-match", "\"e\""),
            ("next-action", "a"),
            ("next-router-prefetch", "1"),
            ("next-url", "/a"),
            ("range", "bytes=0-1"),
            ("rsc", "1"),
            ("traceparent", "t"),
            ("user-agent", "u"),
            ("x-csrf-token", "c"),
            ("x-nextjs-html-request-id", "h"),
            ("x-nextjs-request-id", "r"),
            ("x-requested-with", "XMLHttpRequest"),
        ];
        for headers in both_ways(&fields) {
            for (name, value) in fields {
                assert_eq!(headers.get(name).unwrap(), value, "{name}");
            }
        }
    }

    #[test]
    fn gw_02_what_we_say_is_ours_alone() {
        for headers in both_ways(&[
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-host", "evil.test"),
            ("forwarded", "for=10.0.0.1;host=evil.test"),
            ("x-forwarded-port", "1"),
            ("x-request-id", "forged"),
        ]) {
            for (name, value) in [
                ("forwarded", "for=203.0.113.7;host=app.example.com;proto=https"),
                ("x-forwarded-for", "203.0.113.7"),
                ("x-forwarded-host", "app.example.com"),
                ("x-forwarded-port", "443"),
                ("x-forwarded-proto", "https"),
                ("x-request-id", "r-1"),
            ] {
                let values: Vec<_> = headers.get_all(name).iter().collect();
                assert_eq!(values, [value], "{name}");
            }
        }
    }

    #[test]
    fn what_is_forwarded_is_spelled_as_the_standard_has_it() {
        for (client, site, expected) in [
            ("203.0.113.7", "https://a.test", "for=203.0.113.7;host=a.test;proto=https"),
            ("2001:db8::7", "https://a.test", "for=\"[2001:db8::7]\";host=a.test;proto=https"),
            ("::1", "http://[::1]:3000", "for=\"[::1]\";host=\"[::1]:3000\";proto=http"),
        ] {
            let (site, request_id) = (site.parse().unwrap(), HeaderValue::from_static("r-1"));
            let client = client.parse().unwrap();
            let mut headers = HeaderMap::new();
            introduce(&mut headers, &Forwarding { client, site: &site, request_id: &request_id });
            assert_eq!(headers["forwarded"], expected);
            assert_eq!(headers["x-forwarded-for"], client.to_string().as_str());
        }
    }

    #[test]
    fn gw_03_a_connection_header_takes_the_clients_fields_away_but_never_ours() {
        for headers in both_ways(&[
            ("connection", "close, X-Secret ,,\"odd\", x-forwarded-for"),
            ("connection", "x-forwarded-host, X-Request-ID, content-length"),
            ("x-secret", "s"),
            ("content-length", "5"),
        ]) {
            assert!(!headers.contains_key("x-secret") && !headers.contains_key("connection"));
            for ours in ["x-forwarded-for", "x-forwarded-host", "x-request-id", "content-length"] {
                assert!(headers.contains_key(ours), "{ours}");
            }
        }
    }

    #[test]
    fn gw_04_the_api_gets_no_cookie_and_the_ui_gets_all_but_ours() {
        let line = "theme=dark; __Host-Http-vestibule=v1.x.y; __Host-vestibule_hint=h; lang=de";
        let [api, ui] = both_ways(&[("cookie", line)]);
        assert_eq!(api.get(COOKIE), None);
        assert_eq!(ui[COOKIE], "theme=dark; lang=de");
    }

    #[test]
    fn the_api_learns_nothing_of_the_browser_and_the_ui_sees_the_public_host() {
        let fields = [
            ("host", "evil.test"),
            ("origin", "https://app.example.com"),
            ("referer", "https://app.example.com/a"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
        ];
        let [api, ui] = both_ways(&fields);
        for (name, _) in fields {
            assert!(!api.contains_key(name), "{name}");
            assert!(ui.contains_key(name), "{name}");
        }
        assert_eq!(ui[HOST], "app.example.com");
    }

    #[test]
    fn gw_21_answers_lose_hop_by_hop_server_and_identity_headers() {
        let answer = map(&[
            ("connection", "x-hop, keep-alive"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("x-hop", "1"),
            ("server", "uvicorn"),
            ("x-powered-by", "Next.js"),
            ("x-debug-token", "d"),
            ("x-accel-redirect", "/internal"),
            ("x-user-id", "7"),
            ("x_user_id", "7"),
            ("x-auth-token", "t"),
            ("x-vestibule-identity", "j"),
        ]);
        for make_fit in [from_api, from_upstream] {
            let mut headers = answer.clone();
            make_fit(&mut headers, &cookie());
            assert_eq!(headers, HeaderMap::new());
        }
    }

    #[test]
    fn answers_keep_what_browsers_and_next_clients_need() {
        let answer = map(&[
            ("cache-control", "no-store"),
            ("content-length", "5"),
            ("content-type", "text/x-component"),
            ("etag", "\"e\""),
            ("vary", "rsc"),
            ("x-nextjs-cache", "HIT"),
            ("x-action-redirect", "/a"),
            ("x-ratelimit-remaining", "3"),
        ]);
        let mut headers = answer.clone();
        from_api(&mut headers, &cookie());
        assert_eq!(headers, answer);
    }

    #[test]
    fn ck_10_ck_12_an_upstream_sets_neither_our_cookies_nor_passes_tokens_on() {
        let answer = map(&[
            ("set-cookie", "theme=dark; Path=/"),
            ("set-cookie", "__host-http-vestibule=x; Path=/; Secure"),
            ("set-cookie", "=vestibule=x"),
            ("set-cookie", "Vestibule_Hint=x; Domain=example.com"),
            ("set-cookie", "refresh_token=r; HttpOnly"),
            ("set-cookie", " Access_Token =a"),
            ("set-cookie", "a=b, __Host-Http-vestibule=x; Path=/; Secure; HttpOnly"),
            ("set-cookie", "a=b; Path=/, refresh_token=r"),
            ("set-cookie", "lang=de"),
        ]);
        let left = |make_fit: fn(&mut HeaderMap, &SessionCookie)| {
            let mut headers = answer.clone();
            make_fit(&mut headers, &cookie());
            headers.get_all(SET_COOKIE).iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(left(from_api), ["theme=dark; Path=/", "lang=de"]);
        assert_eq!(left(from_upstream).len(), 5);
    }
}
