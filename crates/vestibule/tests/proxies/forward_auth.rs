//! A proxy in front of an application that asks Vestibule about each request.

use std::time::Duration;

use vestibule_testbed::Proxy;

use crate::app::App;
use crate::browser::{Browser, HERE, PAGE, SCRIPT, echoes};
use crate::front::{BOTH, Kind, Ports};
use crate::vestibule::Vestibule;

struct Stage {
    ports: Ports,
    vestibule: Vestibule,
    _proxy: Proxy,
}

impl Stage {
    async fn new(kind: Kind, more: &[&str]) -> Self {
        let (app, ports) = (App::start().await, Ports::free());
        let proxy = kind.start("forward-auth", ports, app.address.port());
        let site = format!("127.0.0.1:{}", ports.site);
        let auth = format!("127.0.0.1:{}", ports.auth);
        let url = format!("https://localhost:{}", ports.https);
        let arguments = [
            "--site-listen",
            &site,
            "--site-url",
            &url,
            "--trusted-hop",
            "127.0.0.1",
            "--forward-auth-listen",
            &auth,
        ];
        let vestibule = Vestibule::start(&[&arguments, more].concat());
        Self { ports, vestibule, _proxy: proxy }
    }

    fn browser(&self) -> Browser {
        Browser::on(self.ports.https, true)
    }
}

const FORGED: [(&str, &str); 12] = [
    ("x-vestibule-user-id", "6666"),
    ("X-Vestibule-Username", "forged"),
    ("x_vestibule_username", "forged"),
    ("X_VESTIBULE_USER_ID", "6666"),
    ("x-vestibule_email", "forged"),
    ("x-vestibule-email", "forged@evil.test"),
    ("authorization", "Bearer forged"),
    ("x-original-uri", "/forged"),
    ("x-original-method", "FORGED"),
    ("forwarded", "for=6.6.6.6;host=evil.test"),
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-host", "evil.test"),
];

#[tokio::test(flavor = "multi_thread")]
async fn gw_18_the_application_learns_who_it_is_and_nothing_forged() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser().member("ada").await;
        browser.jar.insert("theme".to_owned(), "dark".to_owned());
        let answer = browser.get("/app?x=1", &[&PAGE[..], &FORGED].concat()).await;
        assert_eq!(answer.status, 200, "{kind:?}: {answer}");
        assert!(answer.body.starts_with("GET /app?x=1\n"), "{kind:?}: {answer}");
        for (name, value) in [
            ("x-vestibule-username", "ada"),
            ("x-vestibule-email", "ada@example.com"),
            ("cookie", "theme=dark"),
            ("x-forwarded-for", &HERE.to_string()),
        ] {
            assert_eq!(answer.got(name), [value], "{kind:?}: {name} in {answer}");
        }
        let id = answer.got("x-vestibule-user-id");
        assert!(id.len() == 1 && id[0].parse::<i64>().is_ok(), "{kind:?}: {answer}");
        assert!(answer.got("authorization")[0].starts_with("Bearer eyJ"), "{kind:?}: {answer}");
        for forged in ["forged", "6666", "6.6.6.6", "evil", "__Host-", "FORGED"] {
            assert!(!answer.body.contains(forged), "{kind:?}: {forged} in {answer}");
        }
        assert_eq!(answer.header("cache-control"), "private, no-store", "CK-07, {kind:?}");
        assert!(!format!("{:?}", answer.headers).contains("eyJ"), "CK-03, {kind:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_04_the_sessions_cookie_does_not_reach_the_application_when_it_is_the_only_one() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser().member("ada").await;
        let answer = browser.get("/app", &PAGE).await;
        assert_eq!(answer.status, 200, "{kind:?}: {answer}");
        assert!(answer.got("cookie").iter().all(|value| value.is_empty()), "{kind:?}: {answer}");
        assert!(!answer.body.contains("__Host-"), "{kind:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_13_without_a_session_pages_lead_to_the_login_and_scripts_get_401() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser();
        let answer = browser.get("/app?x=1", &[&PAGE[..], &FORGED].concat()).await;
        let login = "/login?next=%2Fapp%3Fx%3D1";
        let place = format!("{}{login}", browser.origin);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, &*place),
            "{kind:?}: {answer}"
        );
        assert_eq!(browser.get(login, &PAGE).await.status, 200, "{kind:?}");
        let answer = browser.get("/app", &SCRIPT).await;
        assert_eq!(answer.status, 401, "{kind:?}: {answer}");
        for fields in [
            &[("next-router-prefetch", "1"), ("rsc", "1")][..],
            &[("sec-purpose", "prefetch")],
            &[("cookie", "__Host-Http-vestibule=v1.a.b")],
        ] {
            let answer = browser.get("/app", fields).await;
            assert_eq!(answer.status, 401, "{kind:?} {fields:?}: {answer}");
            assert!(!answer.body.contains("GET /app"), "{kind:?} {fields:?}: {answer}");
        }
        for path in ["//app", "/a%2fb", "/%2e%2e/app"] {
            let answer = browser.get(path, &SCRIPT).await;
            assert!(matches!(answer.status, 400 | 403), "{kind:?} {path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_18_the_question_cannot_be_asked_through_the_proxy() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser().member("ada").await;
        for path in ["/auth-request", "/forward-auth", "/_auth", "/api/v1/../../forward-auth"] {
            let fields =
                [("x-forwarded-uri", "/"), ("x-original-uri", "/"), ("x-forwarded-method", "GET")];
            let answer = browser.get(path, &[&SCRIPT[..], &fields].concat()).await;
            let told = format!("{:?}", answer.headers);
            assert!(
                !told.contains("eyJ") && !told.contains("x-vestibule-user"),
                "{kind:?} {path}: {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_cookie_is_handed_on_and_good() {
    for kind in BOTH {
        let stage = Stage::new(kind, &["--access-ttl", "2"]).await;
        let mut browser = stage.browser().member("ada").await;
        let before = browser.jar.clone();
        let refreshed = async {
            while browser.jar == before {
                let answer = browser.get("/year", &PAGE).await;
                assert_eq!(answer.status, 200, "{kind:?}: {answer}");
                assert_eq!(
                    answer.header("cache-control"),
                    "private, no-store",
                    "{kind:?}: {answer}"
                );
                assert_eq!(answer.header("cdn-cache-control"), "", "{kind:?}: {answer}");
                assert!(
                    answer.headers.get_all("set-cookie").iter().all(|line| line.len() > 20),
                    "{answer}"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), refreshed).await.unwrap();
        assert_eq!(browser.jar.len(), 2, "{kind:?}: {:?}", browser.jar);
        assert_eq!(browser.get("/app", &PAGE).await.status, 200, "{kind:?}");
        assert_eq!(browser.get("/dashboard", &PAGE).await.status, 200, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rv_02_a_sign_out_bites_at_once() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser().member("ada").await;
        let mut copy = browser.clone();
        assert_eq!(copy.get("/app", &PAGE).await.status, 200, "{kind:?}");
        assert_eq!(browser.submit("/logout", "").await.status, 303, "{kind:?}");
        let answer = copy.get("/app", &PAGE).await;
        let place = format!("{}/login?next=%2Fapp", browser.origin);
        assert_eq!((answer.status, answer.header("location")), (303, &*place), "{kind:?}");
        assert!(copy.jar.is_empty(), "{kind:?}: the dead cookie goes: {:?}", copy.jar);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cs_01_another_sites_form_does_not_reach_the_application() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser().member("ada").await;
        let ours = browser.origin.clone();
        for (method, origin, status) in [
            ("POST", ours.as_str(), 200),
            ("DELETE", &ours, 200),
            ("POST", "https://evil.test", 403),
            ("DELETE", "null", 403),
        ] {
            let answer = browser.ask(method, "/app", &[("origin", origin)], "a=b").await;
            assert_eq!(answer.status, status, "{kind:?} {method} {origin}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cs_06_a_socket_opens_for_the_sites_own_pages_alone() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let browser = stage.browser().member("ada").await;
        let open =
            async |browser: &Browser, origin| browser.handshake("/socket", origin).await.status();
        assert_eq!(open(&browser, Some("https://evil.test")).await, 403, "{kind:?}");
        assert_eq!(open(&browser, None).await, 403, "{kind:?}");
        let origin = Some(browser.origin.as_str());
        assert_eq!(open(&stage.browser(), origin).await, 401, "{kind:?}");
        assert!(echoes(browser.handshake("/socket", origin).await).await, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn er_05_without_vestibule_nobody_gets_in_and_nobody_is_signed_out() {
    for kind in BOTH {
        let mut stage = Stage::new(kind, &[]).await;
        let mut browser = stage.browser().member("ada").await;
        let before = browser.jar.clone();
        stage.vestibule.kill();
        let answer = browser.get("/app", &PAGE).await;
        assert!(matches!(answer.status, 502 | 503), "{kind:?}: {answer}");
        assert!(!answer.body.contains("GET /app") && browser.jar == before, "{kind:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tl_03_over_http_nobody_gets_in() {
    for kind in BOTH {
        let stage = Stage::new(kind, &[]).await;
        let signed_in = stage.browser().member("ada").await;
        let mut browser = Browser { port: stage.ports.http, is_https: false, ..signed_in };
        let answer = browser.get("/app?x=1", &PAGE).await;
        let place = format!("https://localhost:{}/app?x=1", stage.ports.https);
        assert!(matches!(answer.status, 303 | 307), "{kind:?}: {answer}");
        assert_eq!(answer.header("location"), place, "{kind:?}");
        let answer = browser.get("/app", &SCRIPT).await;
        assert!(matches!(answer.status, 400 | 403), "{kind:?}: {answer}");
    }
}
