//! A proxy in front of the gateway, with TLS at the proxy.

use http_body_util::BodyExt as _;
use vestibule_testbed::Proxy;

use crate::app::App;
use crate::browser::{Browser, HERE, PAGE, SCRIPT, echoes, long_body};
use crate::front::{BOTH, Kind, Ports};
use crate::vestibule::Vestibule;

struct Stage {
    app: App,
    ports: Ports,
    _vestibule: Vestibule,
    _proxy: Proxy,
}

impl Stage {
    async fn new(kind: Kind) -> Self {
        let (app, ports) = (App::start().await, Ports::free());
        let proxy = kind.start("reverse-proxy", ports, app.address.port());
        let vestibule = Vestibule::start(&[
            "--site-listen",
            &format!("127.0.0.1:{}", ports.site),
            "--site-url",
            &format!("https://localhost:{}", ports.https),
            "--trusted-hop",
            "127.0.0.1",
            "--ui",
            &format!("http://{}", app.address),
        ]);
        Self { app, ports, _vestibule: vestibule, _proxy: proxy }
    }

    fn browser(&self) -> Browser {
        Browser::on(self.ports.https, true)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_16_people_sign_in_through_a_proxy_and_upstreams_learn_their_address() {
    for kind in BOTH {
        let stage = Stage::new(kind).await;
        let mut browser = stage.browser().member("ada").await;
        assert!(browser.jar.contains_key("__Host-Http-vestibule"), "{kind:?}");
        let me = browser.get("/api/v1/user/me", &SCRIPT).await;
        assert!(me.body.contains("ada@example.com"), "{kind:?}: {me}");

        let forged = [
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6;proto=http"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-proto", "http"),
            ("x-real-ip", "6.6.6.6"),
        ];
        let answer = browser.get("/page", &[&PAGE[..], &forged].concat()).await;
        assert_eq!(answer.status, 200, "{kind:?}: {answer}");
        let here = HERE.to_string();
        let host = format!("localhost:{}", stage.ports.https);
        let forwarded = format!("for={here};host=\"{host}\";proto=https");
        for (name, value) in [
            ("x-forwarded-for", here.as_str()),
            ("x-forwarded-host", &host),
            ("x-forwarded-port", &stage.ports.https.to_string()),
            ("x-forwarded-proto", "https"),
            ("forwarded", &forwarded),
            ("host", &host),
        ] {
            assert_eq!(answer.got(name), [value], "{kind:?}: {name} in {answer}");
        }
        assert!(
            !answer.body.contains("6.6.6.6") && !answer.body.contains("vestibule="),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tl_03_over_http_pages_lead_to_https_and_calls_are_refused() {
    for kind in BOTH {
        let stage = Stage::new(kind).await;
        let mut browser = Browser::on(stage.ports.http, false);
        browser.origin = format!("https://localhost:{}", stage.ports.https);
        let answer = browser.get("/page?x=1", &PAGE).await;
        let place = format!("https://localhost:{}/page?x=1", stage.ports.https);
        assert_eq!((answer.status, answer.header("location")), (307, place.as_str()), "{kind:?}");
        for path in ["/api/v1/user/me", "/data"] {
            let answer = browser.get(path, &SCRIPT).await;
            assert_eq!(answer.status, 400, "{kind:?}: {answer}");
            assert!(answer.body.contains("https_required"), "{kind:?}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_comes_event_by_event_through_both() {
    for kind in BOTH {
        let stage = Stage::new(kind).await;
        let browser = stage.browser();
        let response =
            browser.send("GET", "/events", &[("accept", "text/event-stream")], "".into()).await;
        assert_eq!(response.status(), 200, "{kind:?}");
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "data: 0\n\n", "{kind:?}");
        stage.app.second_event.add_permits(1);
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(rest, "data: 1\n\n", "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cs_06_a_socket_opens_through_both_for_the_sites_own_pages_alone() {
    for kind in BOTH {
        let stage = Stage::new(kind).await;
        let browser = stage.browser().member("ada").await;
        for foreign in [Some("https://evil.test"), None] {
            assert_eq!(browser.handshake("/socket", foreign).await.status(), 403, "{kind:?}");
        }
        let origin = Some(browser.origin.as_str());
        assert!(echoes(browser.handshake("/socket", origin).await).await, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_passes_without_a_limit_of_the_proxys() {
    const BYTES: usize = 32 * 1024 * 1024;
    for kind in BOTH {
        let stage = Stage::new(kind).await;
        let mut browser = stage.browser();
        let origin = browser.origin.clone();
        let answer = browser.ask("POST", "/upload", &[("origin", &origin)], long_body(BYTES)).await;
        assert_eq!((answer.status, answer.body), (200, BYTES.to_string()), "{kind:?}");
    }
}
