//! `vestibule doctor`: what it finds of sites that are set up rightly, and of those that are not.

use std::process::Output;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use vestibule::server::serve;

use crate::process::{Server, vestibule};
use crate::support::Folder;

async fn examine(arguments: Vec<String>) -> Output {
    let ask = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        vestibule(&[&["doctor"], &arguments[..]].concat()).output().unwrap()
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// What it says, and whether all is well.
async fn said(arguments: &[&str]) -> (String, bool) {
    let output = examine(arguments.iter().map(|word| (*word).to_owned()).collect()).await;
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (text, output.status.success())
}

/// A site of which a test says what strangers get at /dashboard.
async fn site(dashboard: fn(&HeaderMap) -> Response) -> String {
    let keys = async || axum::Json(json!({"keys": [{}]}));
    let page = move |headers: HeaderMap| async move { dashboard(&headers) };
    let router = Router::new()
        .route("/", get(async || "home"))
        .route("/_vestibule/identity-keys", get(keys))
        .route("/dashboard", get(page));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let _kept = stop;
        serve(socket, router, stopped, Duration::ZERO).await
    });
    url
}

fn login() -> Response {
    Redirect::to("/login?next=%2Fdashboard").into_response()
}

#[tokio::test]
async fn a_site_that_is_set_up_rightly_is_well() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &["--protect", "/billing/**"]);
    let (said, is_well) =
        said(&[&server.url("Site"), "--protect", "/dashboard", "--protect", "/billing/**"]).await;
    assert!(is_well, "{said}");
    let expected = "ok     a gateway answers for the site
ok     the pages' server answers
ok     /dashboard sends strangers to sign in
ok     /dashboard tells prefetches of strangers nothing
ok     /dashboard sends who has a broken cookie to sign in
ok     /billing sends strangers to sign in
ok     /billing tells prefetches of strangers nothing
ok     /billing sends who has a broken cookie to sign in
";
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_server_of_pages_that_is_away_is_found() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &["--ui", "http://127.0.0.1:9"]);
    let (said, is_well) = said(&[&server.url("Site")]).await;
    assert!(!is_well && said.contains("FAULT  /: 503. Start the server of the pages"), "{said}");
    assert!(said.ends_with("vestibule: 1 of 5 answers are not as they should be\n"), "{said}");
}

#[tokio::test]
async fn row_7_a_proxy_that_was_not_built_is_found_by_what_strangers_see() {
    let (said, is_well) = said(&[&site(|_| "the dashboard".into_response()).await]).await;
    assert!(!is_well, "{said}");
    for fault in [
        "FAULT  /dashboard: 200. Strangers may open it",
        "proxy.ts has to stand beside the folder app",
        "FAULT  /dashboard: 200. A prefetched link would lead to the login for good",
        "vestibule: 3 of 5 answers",
    ] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
}

#[tokio::test]
async fn a_matcher_that_takes_prefetches_and_a_key_that_is_wrong_are_found() {
    let (said, _) = said(&[&site(|_| login()).await]).await;
    assert!(said.contains("FAULT  /dashboard: 303. A prefetched link"), "{said}");
    assert!(said.contains("1 of 5"), "{said}");

    let refusing = |headers: &HeaderMap| match headers.contains_key("cookie") {
        true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        false if headers.contains_key("next-router-prefetch") => {
            StatusCode::NO_CONTENT.into_response()
        }
        false => login(),
    };
    let (said, _) = self::said(&[&site(refusing).await]).await;
    assert!(
        said.contains("FAULT  /dashboard: 503. The proxy can't ask the gateway: VESTIBULE_KEY"),
        "{said}"
    );
    assert!(said.contains("1 of 5"), "{said}");
}

#[tokio::test]
async fn what_is_no_gateway_is_no_site() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &[]);
    let (told, _) = said(&[&server.url("API")]).await;
    assert!(
        told.contains("FAULT  /_vestibule/identity-keys: 404. That is no answer of a gateway"),
        "{told}"
    );
    let (told, is_well) = said(&["http://127.0.0.1:9"]).await;
    assert!(
        !is_well && told.starts_with("vestibule: /_vestibule/identity-keys: no answer: "),
        "{told}"
    );
    let (told, is_well) = said(&["http://localhost:3000/x"]).await;
    assert!(
        !is_well && told.contains("has to be an origin such as http://localhost:3000"),
        "{told}"
    );
    let (told, is_well) = said(&["--protect", "dashboard"]).await;
    assert!(!is_well && told.contains("has to be a path such as /dashboard"), "{told}");
}
