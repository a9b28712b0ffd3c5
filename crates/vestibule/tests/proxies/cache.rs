//! A shared cache in front that keeps whatever it may, and an upstream that says: everything, for a year (CK-07, F30).

use vestibule_testbed::{Proxy, nginx};

use crate::app::App;
use crate::browser::{Answer, Browser, PAGE, SCRIPT};
use crate::front::Ports;
use crate::vestibule::Vestibule;

/// A cache that goes by the address alone and knows nothing of sessions.
const CACHE: &str = "
proxy_cache_path cache keys_zone=all:1m;
server {
    listen 127.0.0.1:HTTP;
    location / {
        proxy_pass http://127.0.0.1:SITE;
        proxy_set_header Host $http_host;
        proxy_cache all;
        proxy_cache_key $request_uri;
        proxy_ignore_headers Vary;
        add_header X-Cache $upstream_cache_status always;
    }
}";

/// One that keeps answers that set a cookie too, if they say that they may be kept.
fn careless() -> String {
    CACHE.replace("proxy_ignore_headers Vary;", "proxy_ignore_headers Vary Set-Cookie;")
}

struct Stage {
    ports: Ports,
    _vestibule: Vestibule,
    _proxy: Proxy,
}

impl Stage {
    async fn new(cache: &str, more: &[&str]) -> Self {
        let (app, ports) = (App::start().await, Ports::free());
        let cache =
            cache.replace("HTTP", &ports.http.to_string()).replace("SITE", &ports.site.to_string());
        let proxy = nginx::start(&cache, &[ports.http]).unwrap_or_else(|why| panic!("{why}"));
        let site = format!("127.0.0.1:{}", ports.site);
        let url = format!("http://localhost:{}", ports.http);
        let ui = format!("http://{}", app.address);
        let arguments =
            ["--site-listen", &site, "--site-url", &url, "--ui", &ui, "--trusted-hop", "127.0.0.1"];
        let vestibule = Vestibule::start(&[&arguments, more].concat());
        Self { ports, _vestibule: vestibule, _proxy: proxy }
    }

    fn browser(&self) -> Browser {
        Browser::on(self.ports.http, false)
    }
}

fn cached(answer: &Answer) -> &str {
    answer.header("x-cache")
}

#[tokio::test(flavor = "multi_thread")]
async fn ck_07_f30_what_one_person_is_shown_no_cache_shows_to_another() {
    let stage = Stage::new(&careless(), &[]).await;
    let mut ada = stage.browser().member("ada").await;
    let mut bob = stage.browser().member("bob").await;
    let mut nobody = stage.browser();
    let mut count = 0;
    for path in ["/year", "/api/v1/user/me", "/page", "/dashboard", "/login"] {
        for fields in [&PAGE, &SCRIPT] {
            count += 1;
            let path = format!("{path}?{count}");
            let answer = ada.get(&path, &[&fields[..], &[("x-canary", "of-ada")]].concat()).await;
            assert!(answer.header("cache-control").ends_with("no-store"), "{path}: {answer}");
            for name in ["cdn-cache-control", "surrogate-control", "expires"] {
                assert_eq!(answer.header(name), "", "{path}: {answer}");
            }
            for other in [&mut bob, &mut nobody] {
                let answer = other.get(&path, &fields[..]).await;
                assert_ne!(cached(&answer), "HIT", "{path}: {answer}");
                let is_of_ada = answer.body.contains("of-ada") || answer.body.contains("ada@");
                assert!(!is_of_ada, "{path}: {answer}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ck_07_what_nobody_is_signed_in_for_is_cached_as_the_upstream_wishes() {
    let stage = Stage::new(CACHE, &[]).await;
    let mut nobody = stage.browser();
    assert_eq!(cached(&nobody.get("/year", &PAGE).await), "MISS");
    let answer = nobody.get("/year", &PAGE).await;
    assert_eq!(
        (cached(&answer), answer.header("cache-control")),
        ("HIT", "public, max-age=31536000, s-maxage=31536000")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ck_07_an_answer_that_sets_the_cookie_is_kept_by_no_cache() {
    let route = ["--route", "/open/** = ui strip=/open session=none cacheable=true"];
    let stage = Stage::new(&careless(), &[&["--access-ttl", "2"], &route[..]].concat()).await;
    let mut ada = stage.browser().member("ada").await;
    let before = ada.jar["vestibule"].clone();
    let mut bob = stage.browser();
    let mut count = 0;
    while ada.jar["vestibule"] == before {
        count += 1;
        assert!(count < 400, "no refresh in twenty seconds");
        // Cacheable, until the answer brings a cookie.
        let path = format!("/open/year?{count}");
        ada.get(&path, &PAGE).await;
        let stolen = bob.get(&path, &PAGE).await;
        assert!(stolen.headers.get("set-cookie").is_none() && bob.jar.is_empty(), "{stolen}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
