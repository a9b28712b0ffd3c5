//! Which path goes where and how. What `vestibule check` says of a request is held against what becomes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use http::StatusCode;
use serde_json::json;
use tower::ServiceExt as _;
use vestibule_gateway::{Plan, PlanSettings, RouteSpec, Upstream, UpstreamSpec};

use crate::support::{Answer, Faults, TestApi, leads};
use crate::wire::{HOST, ORIGIN, Site, Stub, code, h2c};

/// Says its name, what it was asked, and what came along.
fn echo(name: &'static str) -> Router {
    Router::new().fallback(async move |request: Request| {
        let text = |field: &str| {
            let value = request.headers().get(field);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let token = match text("authorization").as_str() {
            "" => "none",
            "Bearer client" => "client",
            _ => "visitor",
        };
        let cookies = if text("cookie").contains("theme=dark") { "yes" } else { "no" };
        assert!(!text("cookie").contains("vestibule"), "GW-04");
        let host = if text("host") == HOST { "site" } else { "upstream" };
        format!("{name} {} token={token} cookies={cookies} host={host}", request.uri())
    })
}

const ROUTES: [&str; 10] = [
    "/shop/cart = one methods=GET,HEAD",
    "/shop/cart = two methods=POST,DELETE guard=true",
    "/shop/** = one",
    "/api/pay/** = two strip=/api/pay",
    "/api/pass/** = one token=pass cookies=true",
    "/api/plain/** = one token=none guard=true",
    "/t/*/x = two token=attach host=site guard=false",
    "/members/** = two roles=member",
    "/id/** = api strip=/id token=attach",
    "/api/auth/own/** = one methods=GET",
];

async fn plan_of_table(api: &TestApi) -> PlanSettings {
    let mut upstreams = BTreeMap::new();
    for name in ["one", "two", "ui"] {
        let at = format!("http://{}", h2c(echo(name)).await);
        upstreams.insert(name, Upstream::new(name, &UpstreamSpec::at(&at)).unwrap());
    }
    // The API says of everybody that he is a member.
    let of_member = from_fn(async |request: Request, next: Next| {
        match request.uri().path().trim_end_matches('/') {
        "/api/v1/user/me" if request.headers().contains_key("authorization") => {
            axum::Json(json!({"id": 1, "name": "Ada", "username": "ada", "email": "a@b.cd", "profile_image_url": "", "tier_id": null, "roles": ["member"]}))
                .into_response()
        }
        "/api/v1/asked" => echo("in-process").oneshot(request).await.unwrap(),
        _ => next.run(request).await,
    }
    });
    let identity = Upstream::in_process(api.inner.router().layer(of_member));
    let route = |text: &&str| {
        let spec: RouteSpec = text.parse().unwrap();
        let upstream = if spec.to == "api" { &identity } else { &upstreams[spec.to.as_str()] };
        (spec.clone(), upstream.clone())
    };
    PlanSettings {
        routes: ROUTES.iter().map(route).collect(),
        ui: Some(upstreams["ui"].clone()),
        protect: vec!["/api/pay/admin/**".parse().unwrap(), "/shop/vault".parse().unwrap()],
        ..PlanSettings::new(identity.clone())
    }
}

/// Method and target, what becomes of it, and whether it needs a session.
const TABLE: [(&str, &str, &str, bool); 46] = [
    ("GET", "/shop/cart", "one /shop/cart token=none cookies=yes host=site", false),
    ("HEAD", "/shop/cart", "200", false),
    ("POST", "/shop/cart", "two /shop/cart token=none cookies=yes host=site", true),
    ("DELETE", "/shop/cart?a=b", "two /shop/cart?a=b token=none cookies=yes host=site", true),
    // The third route takes what the first two don't: it covers this path too.
    ("PUT", "/shop/cart", "one /shop/cart token=none cookies=yes host=site", false),
    ("GET", "/shop", "one /shop token=none cookies=yes host=site", false),
    ("GET", "/shop/", "one /shop/ token=none cookies=yes host=site", false),
    ("GET", "/shop/a/../b?c=/d", "one /shop/b?c=/d token=none cookies=yes host=site", false),
    ("GET", "/shop/%61", "one /shop/a token=none cookies=yes host=site", false),
    ("GET", "/shop/a%2Fb", "400", false),
    ("GET", "/shop//a", "400", false),
    ("GET", "/shop/%2e%2e/etc", "400", false),
    ("GET", "/shop/vault", "one /shop/vault token=none cookies=yes host=site", true),
    ("GET", "/shop/vault/", "one /shop/vault/ token=none cookies=yes host=site", true),
    ("GET", "/shop/vault/x", "one /shop/vault/x token=none cookies=yes host=site", false),
    ("GET", "/shop/Vault", "one /shop/Vault token=none cookies=yes host=site", false),
    ("GET", "/shop/vault;v=1", "one /shop/vault;v=1 token=none cookies=yes host=site", true),
    ("GET", "/shop/./vault", "one /shop/vault token=none cookies=yes host=site", true),
    ("GET", "/shops", "ui /shops token=none cookies=yes host=site", false),
    ("GET", "/Shop/cart", "ui /Shop/cart token=none cookies=yes host=site", false),
    ("GET", "/api/pay", "two / token=visitor cookies=no host=upstream", false),
    ("GET", "/api/pay/a?b=1", "two /a?b=1 token=visitor cookies=no host=upstream", false),
    ("PATCH", "/api/pay/admin/x", "two /admin/x token=visitor cookies=no host=upstream", true),
    ("GET", "/api/pay/x/../admin", "two /admin token=visitor cookies=no host=upstream", true),
    ("GET", "/api/pass/x", "one /api/pass/x token=client cookies=yes host=site", false),
    ("GET", "/api/plain/x", "one /api/plain/x token=none cookies=yes host=site", true),
    ("GET", "/t/a/x", "two /t/a/x token=visitor cookies=no host=site", false),
    ("GET", "/t/a/b/x", "ui /t/a/b/x token=none cookies=yes host=site", false),
    ("GET", "/members/x", "two /members/x token=none cookies=yes host=site", true),
    (
        "GET",
        "/id/api/v1/asked",
        "in-process /api/v1/asked token=visitor cookies=no host=upstream",
        false,
    ),
    ("POST", "/id/api/v1/login", "404", false),
    ("POST", "/id/api/v1/refresh/", "404", false),
    ("POST", "/api/v1/refresh", "404", false),
    ("POST", "/api/v1/logout;x", "404", false),
    ("TRACE", "/shop", "405", false),
    ("GET", "/", "ui / token=none cookies=yes host=site", false),
    ("GET", "/anything", "ui /anything token=none cookies=yes host=site", false),
    ("GET", "/dashboard", "ui /dashboard token=none cookies=yes host=site", true),
    ("GET", "/api/auth", "ours", false),
    ("GET", "/api/auth/ok", "ours", false),
    ("POST", "/api/auth/own/sign-out", "ours", false),
    ("GET", "/api/auth/own/x", "one /api/auth/own/x token=visitor cookies=no host=upstream", false),
    ("GET", "/api/authors", "ui /api/authors token=none cookies=yes host=site", false),
    ("GET", "/api/auth/../authors", "ui /api/authors token=none cookies=yes host=site", false),
    ("GET", "/health", "ours", false),
    ("GET", "/_vestibule/none", "ours", false),
];

/// What `vestibule check` says, in the words of the table.
fn explained(plan: &Plan, method: &str, target: &str) -> (String, bool) {
    let said = plan.explain(&method.parse().unwrap(), target).to_string();
    let lines: BTreeMap<&str, &str> =
        said.lines().map(|line| line.trim_start().split_once(' ').unwrap()).collect();
    let line = |name: &str| lines.get(name).map_or("", |line| line.trim());
    let needs = line("session").starts_with("needed");
    if line("path").contains("refused with 400") {
        return ("400".to_owned(), needs);
    }
    if line("method").contains("405") {
        return ("405".to_owned(), needs);
    }
    let route = line("route");
    let Some((before, target)) = route.split_once(", which gets ") else {
        let status = route.split(':').next().unwrap();
        let is_status = status.parse::<u16>().is_ok();
        return (if is_status { status } else { "ours" }.to_owned(), needs);
    };
    let token = match line("token") {
        text if text.starts_with("the visitor's access token") => "visitor",
        text if text.starts_with("the client's own") => "client",
        text if text.starts_with("none") => "none",
        text => panic!("{text}"),
    };
    let cookies = if line("cookies").starts_with("the visitor's") { "yes" } else { "no" };
    let host = if line("host") == "the site's" { "site" } else { "upstream" };
    let name = before.rsplit(' ').next().unwrap();
    (format!("{name} {target} token={token} cookies={cookies} host={host}"), needs)
}

/// What becomes of it.
async fn observed(site: &Site, method: &str, target: &str, is_ours: bool) -> (String, bool) {
    let cookie = format!("{}; theme=dark", site.cookie());
    let client = [ORIGIN, ("authorization", "Bearer client")];
    let answer = site.ask(method, target, &[&client[..], &[("cookie", &cookie)]].concat()).await;
    let stranger = site.ask(method, target, &client).await;
    let needs = code(&stranger) == (401, "signed_out".to_owned());
    match answer.status {
        _ if is_ours => ("ours".to_owned(), needs),
        200 if !answer.body.is_empty() => (answer.body, needs),
        status => (status.to_string(), needs),
    }
}

#[tokio::test]
async fn df_05_check_says_what_becomes_of_a_request_and_it_does() {
    let api = TestApi::new().await;
    let plan = plan_of_table(&api).await;
    let explainer = Plan::new(plan.clone()).unwrap();
    let site = Site::by(&api, plan).await.with_member("ada").await;
    for (method, target, becomes, needs) in TABLE {
        let row = (becomes.to_owned(), needs);
        let (told, told_need) = explained(&explainer, method, target);
        // Of a `HEAD` nobody can tell but how it went.
        if method != "HEAD" {
            assert_eq!(told, row.0, "{method} {target} as explained");
        }
        assert_eq!(told_need, needs, "{method} {target} as explained");
        let is = observed(&site, method, target, becomes == "ours").await;
        assert_eq!(is, row, "{method} {target} as it is");
    }
}

#[tokio::test]
async fn gw_06_in_a_private_site_everything_needs_a_session_but_what_is_public() {
    let api = TestApi::new().await;
    let plan = PlanSettings {
        private: true,
        public: vec!["/".parse().unwrap(), "/shop/**".parse().unwrap()],
        ..plan_of_table(&api).await
    };
    let explainer = Plan::new(plan.clone()).unwrap();
    let site = Site::by(&api, plan).await.with_member("ada").await;
    for (method, target, needs) in [
        ("GET", "/", false),
        ("GET", "/shop/x", false),
        ("HEAD", "/shop/x", false),
        ("GET", "/shop/vault", true),
        ("POST", "/shop/cart", true),
        ("GET", "/Shop/x", true),
        ("GET", "/shopping", true),
        ("GET", "/shop/../secret", true),
        ("GET", "/shop/..;/secret", false),
        ("GET", "/secret?/shop", true),
        ("GET", "/secret?x=/shop/y", true),
        ("GET", "/t/a/x", false),
        ("GET", "/api/v1/user/me", true),
        ("GET", "/login", false),
        ("GET", "/health", false),
    ] {
        let stranger = site.ask(method, target, &[ORIGIN]).await;
        assert_eq!(stranger.status == 401, needs, "{method} {target}: {stranger}");
        let told = explained(&explainer, method, target);
        assert_eq!(told.1, needs, "{method} {target}");
    }
}

#[tokio::test]
async fn a_method_that_no_route_takes_is_405_with_those_that_some_do() {
    let (api, at) = (TestApi::new().await, h2c(echo("one")).await);
    let routes = [
        format!("/a/** = http://{at} methods=GET,HEAD"),
        format!("/a/b = http://{at} methods=POST"),
    ];
    let site = Site::new(&api, &[&routes[0], &routes[1]]).await;
    let answer = site.ask("DELETE", "/a/b", &[ORIGIN]).await;
    assert_eq!(
        (code(&answer), answer.header("allow")),
        ((405, "method_not_allowed".into()), "GET, HEAD, POST")
    );
    assert_eq!(site.ask("DELETE", "/a/c", &[ORIGIN]).await.header("allow"), "GET, HEAD");
    assert_eq!(site.ask("POST", "/a/b", &[ORIGIN]).await.status, 200);
    assert_eq!(site.ask("POST", "/b", &[ORIGIN]).await.status, 404);
}

/// An identity API whose rights a test sets.
async fn stage_of_rights() -> (Arc<Mutex<serde_json::Value>>, Site, (TestApi, Stub)) {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let rights = Arc::new(Mutex::new(json!({})));
    let said = rights.clone();
    let layer = from_fn(move |request: Request, next: Next| {
        let said = said.clone();
        async move {
            if request.uri().path().trim_end_matches('/') != "/api/v1/user/me" {
                return next.run(request).await;
            }
            let mut user = json!({"id": 1, "name": "Ada", "username": "ada", "email": "a@b.cd", "profile_image_url": "", "tier_id": null});
            let rights = said.lock().unwrap().clone();
            user.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
            match rights["status"].as_u64() {
                Some(status) => StatusCode::from_u16(status as u16).unwrap().into_response(),
                None => axum::Json(user).into_response(),
            }
        }
    });
    let mut plan = crate::wire::plan(
        &api,
        &[
            &format!("/tier/** = {} tiers=2,3", stub.url()),
            &format!("/role/** = {} roles=admin,boss", stub.url()),
            &format!("/both/** = {} roles=admin tiers=2", stub.url()),
            &format!("/super/** = {} roles=superuser", stub.url()),
        ],
    );
    plan.api = Upstream::in_process(api.inner.router().layer(layer));
    let site = Site::by(&api, plan).await.with_member("ada").await;
    // The database goes with the API.
    (rights, site, (api, stub))
}

#[tokio::test]
async fn df_05_who_may_use_a_route_is_asked_of_the_api_each_time() {
    let (rights, site, (_api, stub)) = stage_of_rights().await;
    let cookie = site.cookie();
    let ask = async |path: &str| -> Answer {
        let mut client = site.client().await;
        client.request("GET", path, &[("cookie", &cookie)]).await;
        tokio::select! {
            (mut upstream, _) = stub.asked() => {
                upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
                client.answer().await
            }
            answer = client.answer() => answer,
        }
    };
    for (said, tier, role, both, superuser) in [
        (json!({}), 403, 403, 403, 403),
        (json!({"tier_id": null}), 403, 403, 403, 403),
        (json!({"tier_id": 1, "role": "Admin"}), 403, 403, 403, 403),
        (json!({"tier_id": 2}), 200, 403, 403, 403),
        (json!({"tier_id": 3, "role": "boss"}), 200, 200, 403, 403),
        (json!({"roles": ["x", "admin"]}), 403, 200, 403, 403),
        (json!({"roles": ["admin"], "tier_id": 2}), 200, 200, 200, 403),
        (json!({"is_superuser": true}), 403, 403, 403, 200),
        (json!({"roles": ["superuser"]}), 403, 403, 403, 200),
        (json!({"tier_id": 1}), 403, 403, 403, 403),
        (json!({"status": 500}), 503, 503, 503, 503),
        (json!({"status": 404}), 503, 503, 503, 503),
    ] {
        *rights.lock().unwrap() = said.clone();
        for (path, status) in
            [("/tier/x", tier), ("/role/x", role), ("/both/x", both), ("/super/x", superuser)]
        {
            let answer = ask(path).await;
            assert_eq!(answer.status, status, "{said} {path}: {answer}");
            if status == 403 {
                assert_eq!(code(&answer).1, "forbidden");
            }
            assert_eq!(answer.header("cache-control"), "private, no-store");
        }
    }
    let stranger = site.ask("GET", "/tier/x", &[]).await;
    assert_eq!(code(&stranger), (401, "signed_out".to_owned()));
}

#[tokio::test]
async fn whoever_turns_out_to_be_signed_out_when_asked_for_a_role_is_led_to_sign_in() {
    let (rights, site, _stub) = stage_of_rights().await;
    *rights.lock().unwrap() = json!({"status": 401});
    let mut browser = site.browser.clone();
    let answer = browser.visit("/tier/x").await;
    assert_eq!(leads(&answer), (StatusCode::SEE_OTHER, "/login?next=%2Ftier%2Fx"), "{answer}");
}

/// An API that isn't ours: it answers 401, with this challenge, so many times.
#[derive(Clone, Default)]
struct Other {
    refuses: Arc<AtomicU16>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Other {
    async fn listens(&self, challenge: &'static str) -> String {
        let other = self.clone();
        let router = Router::new().fallback(move |request: Request| {
            let bearer = request.headers()["authorization"].to_str().unwrap().to_owned();
            other.seen.lock().unwrap().push(bearer);
            let left = other
                .refuses
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            async move {
                match left {
                    Ok(_) => (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)], "no")
                        .into_response(),
                    Err(_) => "yes".into_response(),
                }
            }
        });
        format!("http://{}", h2c(router).await)
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn site_with_other(challenge: &'static str) -> (TestApi, Faults, Other, Site) {
    let (api, faults, other) = (TestApi::new().await, Faults::default(), Other::default());
    let mut plan =
        crate::wire::plan(&api, &[&format!("/api/other/** = {}", other.listens(challenge).await)]);
    plan.api = faults.around(api.inner.router());
    let site = Site::by(&api, plan).await.with_member("ada").await;
    (api, faults, other, site)
}

const REFRESH: &str = "/api/v1/refresh";

#[tokio::test]
async fn gw_20_a_401_of_another_api_is_passed_on_unless_it_blames_the_token() {
    for (challenge, is_blamed) in [
        ("Bearer", false),
        ("Bearer realm=\"x\", error=\"insufficient_scope\"", false),
        ("Bearer error=\"invalid_token\"", true),
    ] {
        let (api, faults, other, mut site) = site_with_other(challenge).await;
        other.refuses.store(1, Ordering::SeqCst);
        api.clock.advance(60);
        let answer = site.browser.fetch("GET", "/api/other/x", None).await;
        let seen = other.seen();
        if is_blamed {
            assert_eq!(answer.says(), "200 yes", "{challenge}");
            assert_eq!((faults.count(REFRESH), seen.len()), (1, 2), "{challenge}");
            assert_ne!(seen[0], seen[1]);
        } else {
            assert_eq!(answer.says(), "401 no", "{challenge}");
            assert_eq!((faults.count(REFRESH), seen.len()), (0, 1), "{challenge}");
        }
        assert!(site.browser.is_signed_in());
    }
}

#[tokio::test]
async fn f15_an_api_that_refuses_every_token_costs_one_refresh_a_token_and_signs_nobody_out() {
    let (api, faults, other, mut site) = site_with_other("Bearer error=\"invalid_token\"").await;
    other.refuses.store(u16::MAX, Ordering::SeqCst);
    api.clock.advance(60);
    for _ in 0..20 {
        let answer = site.browser.fetch("POST", "/api/other/x", Some(&json!({}))).await;
        assert_eq!(answer.says(), "401 no");
        assert!(site.browser.is_signed_in());
    }
    assert_eq!(
        faults.count(REFRESH),
        1,
        "the refreshed token is new: who refuses it refuses the next one too"
    );
    assert!(other.seen().len() <= 21);
    // A body that can't be repeated goes out once.
    let large = "x".repeat(100_000);
    let before = other.seen().len();
    let headers = [ORIGIN, ("content-type", "text/plain")];
    let answer = site.browser.peek(http::Method::POST, "/api/other/x", &headers, large).await;
    assert_eq!((answer.status, other.seen().len() - before, faults.count(REFRESH)), (401, 1, 0));
    assert_eq!(site.browser.fetch("GET", "/api/v1/user/me", None).await.status, 200);
}

#[tokio::test]
async fn gw_12_a_visitor_without_a_session_brings_no_token_and_none_of_his_own() {
    let (api, at) = (TestApi::new().await, h2c(echo("one")).await);
    let site = Site::new(&api, &[&format!("/api/x/** = http://{at}")]).await;
    let answer = site.ask("GET", "/api/x/y", &[("authorization", "Bearer client")]).await;
    assert_eq!(answer.body, "one /api/x/y token=none cookies=no host=upstream");
}

#[tokio::test]
async fn an_outage_of_one_api_is_none_of_another() {
    let (api, at) = (TestApi::new().await, h2c(echo("alive")).await);
    let dead = crate::wire::nowhere().await;
    let routes = [format!("/api/dead/** = http://{dead}"), format!("/api/x/** = http://{at}")];
    let mut site = Site::new(&api, &[&routes[0], &routes[1]]).await.with_member("ada").await;
    for _ in 0..5 {
        assert_eq!(site.browser.fetch("GET", "/api/dead/x", None).await.status, 503);
        assert_eq!(site.browser.fetch("GET", "/api/x/y", None).await.status, 200);
        assert_eq!(site.browser.fetch("GET", "/api/v1/user/me", None).await.status, 200);
    }
}

#[tokio::test]
async fn cs_05_what_a_session_may_read_is_embedded_by_nobody_else() {
    let (api, at) = (TestApi::new().await, h2c(echo("x")).await);
    let routes = [
        format!("/api/x/** = http://{at}"),
        format!("/mine/** = http://{at} guard=true"),
        format!("/open/** = http://{at}"),
    ];
    let site =
        Site::new(&api, &[&routes[0], &routes[1], &routes[2]]).await.with_member("ada").await;
    let cookie = site.cookie();
    let navigates = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let embeds = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    // Path, navigation or not, and what comes of it from our own pages, by hand, from a neighbour, from elsewhere.
    for (path, fetch, expected) in [
        ("/api/x/y", embeds, [200, 200, 403, 403]),
        ("/api/x/y", navigates, [200, 200, 403, 403]),
        ("/mine/y", embeds, [200, 200, 403, 403]),
        ("/mine/y", navigates, [200, 200, 200, 200]),
        ("/open/y", embeds, [200, 200, 200, 200]),
        ("/open/y", navigates, [200, 200, 200, 200]),
    ] {
        for (from, status) in
            ["same-origin", "none", "same-site", "cross-site"].into_iter().zip(expected)
        {
            let fields = [&fetch[..], &[("sec-fetch-site", from), ("cookie", &cookie)]].concat();
            for method in ["GET", "HEAD"] {
                let answer = site.ask(method, path, &fields).await;
                assert_eq!(answer.status, status, "{method} {path} {fetch:?} {from}");
            }
            // Without a session there is nothing to take.
            let stranger =
                site.ask("GET", path, &[&fetch[..], &[("sec-fetch-site", from)]].concat()).await;
            assert_ne!(stranger.status, 403, "{path} {fetch:?} {from}");
        }
    }
}

#[tokio::test]
async fn an_upstreams_own_path_goes_in_front_of_every_path() {
    let (api, at) = (TestApi::new().await, h2c(echo("one")).await);
    let routes =
        [format!("/api/x/** = http://{at}/base/ strip=/api/x"), format!("/y/** = h2c://{at}/base")];
    let site = Site::new(&api, &[&routes[0], &routes[1]]).await;
    for (path, target) in [("/api/x", "/base/"), ("/api/x/a?b", "/base/a?b"), ("/y/a", "/base/y/a")]
    {
        let answer = site.ask("GET", path, &[]).await;
        let asked = answer.body.split(' ').nth(1).unwrap().to_owned();
        assert!(asked == target || asked == format!("http://{HOST}{target}"), "{path}: {asked}");
    }
}
