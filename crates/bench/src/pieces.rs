//! What one request is made of, piece by piece, done so many times and then twice as many, with a mark before and after, at which
//! callgrind takes stock: the difference has nothing in it that is done once.

use std::fs;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use clap::ValueEnum;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;
use url::Url;
use vestibule::server::serve;
use vestibule_gateway::headers::{Crossing, Forwarding, from_upstream, toward};
use vestibule_gateway::{Opened, SessionChange, Site, Upstream};
use vestibule_types::Clock;

use crate::Failure;
use crate::fixture::{self, NOW, ORIGIN};
use crate::servers::ANSWER;

/// A part of a request's way, or all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Piece {
    /// An access token: signature, expiry, kind, session, account.
    TokenVerify,
    /// The session out of a browser's headers.
    CookieOpen,
    /// The `Set-Cookie` lines of a session.
    CookieSeal,
    /// A guarded page without a session: all that is asked of a request, and the way to the login.
    Guard,
    /// A request's headers as the upstream gets them, and an answer's as the browser does.
    Headers,
    /// `GET /api/v1/user/me` through the API's router.
    UserMe,
    /// `POST /api/v1/refresh` through the API's router, a new token of the chain each time.
    Refresh,
    /// `GET /app/items` from socket to socket: a client, the gateway and the application's server, in one thread.
    ProxiedGet,
}

/// Does `piece` a few times to warm up, `times` times, and twice as many, with what [`fixture::prepare`] left in `folder`.
pub(crate) async fn run(piece: Piece, times: usize, folder: &Path) -> Result<(), Failure> {
    match piece {
        Piece::TokenVerify => token_verify(times, folder).await,
        Piece::CookieOpen => cookie_open(times, folder).await,
        Piece::CookieSeal => cookie_seal(times, folder).await,
        Piece::Guard => guard(times).await,
        Piece::Headers => headers(times, folder).await,
        Piece::UserMe => user_me(times, folder).await,
        Piece::Refresh => refresh(times, folder).await,
        Piece::ProxiedGet => proxied_get(times, folder).await,
    }
}

/// How often everything is done before it counts: caches are filled, connections made.
const WARM_UP: usize = 20;

async fn repeat(
    times: usize,
    mut once: impl AsyncFnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    for phase in [WARM_UP, times, 2 * times] {
        for _ in 0..phase {
            once().await?;
        }
        mark(phase);
    }
    Ok(())
}

/// callgrind is told to take stock whenever this is called.
#[inline(never)]
fn mark(phase: usize) {
    black_box(phase);
}

async fn token_verify(times: usize, folder: &Path) -> Result<(), Failure> {
    let token = fixture::tokens(folder)?.access;
    let (api, _) = fixture::api(folder, &Clock::stopped_at(NOW)).await?;
    repeat(times, async || {
        expect(black_box(&api).is_live(black_box(&token)).await, "a token that is alive")?;
        Ok(())
    })
    .await
}

async fn cookie_open(times: usize, folder: &Path) -> Result<(), Failure> {
    let cookie = fixture::cookie()?;
    let headers = fixture::browser(&cookie, &fixture::session(&fixture::tokens(folder)?)?)?;
    repeat(times, async || {
        let opened = black_box(&cookie).read(black_box(&headers), NOW);
        expect(matches!(opened, Opened::Session(_)), "a session")?;
        Ok(())
    })
    .await
}

async fn cookie_seal(times: usize, folder: &Path) -> Result<(), Failure> {
    let cookie = fixture::cookie()?;
    let change = SessionChange::Replace(fixture::session(&fixture::tokens(folder)?)?);
    repeat(times, async || {
        expect(black_box(&cookie).write(black_box(&change), NOW)?.len() == 2, "two cookies")?;
        Ok(())
    })
    .await
}

async fn guard(times: usize) -> Result<(), Failure> {
    let clock = Clock::stopped_at(NOW);
    let site = fixture::site(Upstream::in_process(Router::new()), &clock)?;
    repeat(times, async || {
        let request = Request::get("/dashboard").header("host", "localhost:3000");
        let request = request.header("accept", "text/html").body(Body::empty())?;
        let answer = site.clone().oneshot(request).await?;
        expect(answer.status() == StatusCode::SEE_OTHER, "the way to the login")?;
        Ok(())
    })
    .await
}

async fn headers(times: usize, folder: &Path) -> Result<(), Failure> {
    let (cookie, site) = (fixture::cookie()?, ORIGIN.parse::<Site>()?);
    let asked = fixture::browser(&cookie, &fixture::session(&fixture::tokens(folder)?)?)?;
    let answer = (ANSWER.to_owned()).into_response().headers().clone();
    let request_id = HeaderValue::from_static("0123456789abcdef");
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let with = Forwarding { client, site: &site, request_id: &request_id };
    let crossing = Crossing { cookies: true, authorization: false, host: true, origin: true };
    repeat(times, async || {
        let out = toward(black_box(&asked), &with, crossing, &cookie);
        expect(out.get(COOKIE).is_some_and(|left| left == "theme=dark"), "the other cookie")?;
        let mut back = black_box(&answer).clone();
        from_upstream(&mut back, &cookie);
        expect(back.contains_key(CONTENT_TYPE), "the type of the answer")?;
        Ok(())
    })
    .await
}

async fn user_me(times: usize, folder: &Path) -> Result<(), Failure> {
    let token = format!("Bearer {}", fixture::tokens(folder)?.access);
    let (_api, router) = fixture::api(folder, &Clock::stopped_at(NOW)).await?;
    repeat(times, async || {
        let request = Request::get("/api/v1/user/me").header(AUTHORIZATION, &token);
        let answer = router.clone().oneshot(request.body(Body::empty())?).await?;
        let (head, body) = answer.into_parts();
        let length = body.collect().await?.to_bytes().len();
        expect(head.status == StatusCode::OK && length > 0, "an account")?;
        Ok(())
    })
    .await
}

/// On a copy of the database: each step is written. The clock goes on by more than the 240 s in which the same
/// step would be answered again.
async fn refresh(times: usize, folder: &Path) -> Result<(), Failure> {
    let mut token = fixture::tokens(folder)?.refresh;
    let own = folder.join(format!("refresh-{}", std::process::id()));
    fs::create_dir_all(&own)?;
    fs::copy(folder.join("fixture.sqlite"), own.join("fixture.sqlite"))?;
    let clock = Clock::stopped_at(NOW);
    let (api, router) = fixture::api(&own, &clock).await?;
    repeat(times, async || {
        clock.advance(250);
        let request =
            Request::post("/api/v1/refresh").header(COOKIE, format!("refresh_token={token}"));
        let answer = router.clone().oneshot(request.body(Body::empty())?).await?;
        expect(answer.status() == StatusCode::OK, "a refreshed session")?;
        let next = fixture::refresh_cookie(answer.headers())?;
        expect(next != token, "the next token of the chain")?;
        token = next;
        Ok(())
    })
    .await?;
    api.close().await;
    Ok(fs::remove_dir_all(&own)?)
}

async fn proxied_get(times: usize, folder: &Path) -> Result<(), Failure> {
    let (_running, stopped) = watch::channel(false);
    let any = (Ipv4Addr::LOCALHOST, 0);
    let (behind, front) = (TcpListener::bind(any).await?, TcpListener::bind(any).await?);
    let application = Url::parse(&format!("http://{}", behind.local_addr()?))?;
    tokio::spawn(crate::servers::answer_on(behind));
    let site = fixture::site(Upstream::at(&application)?, &Clock::stopped_at(NOW))?;
    let mut client = TcpStream::connect(front.local_addr()?).await?;
    client.set_nodelay(true)?;
    tokio::spawn(serve(front, site, stopped, Duration::ZERO));
    let cookie = fixture::cookie()?;
    let headers = fixture::browser(&cookie, &fixture::session(&fixture::tokens(folder)?)?)?;
    let request = written("GET /app/items HTTP/1.1", &headers)?;
    let mut answer = [0; 4096];
    repeat(times, async || {
        client.write_all(&request).await?;
        // One segment: head and body are sent together.
        let length = client.read(&mut answer).await?;
        let answer = &answer[..length];
        expect(answer.starts_with(b"HTTP/1.1 200 "), "an answer of the application")?;
        expect(answer.ends_with(ANSWER.as_bytes()), "all of it")?;
        Ok(())
    })
    .await
}

/// A request's head as it is sent.
pub(crate) fn written(line: &str, headers: &HeaderMap) -> Result<Vec<u8>, Failure> {
    let mut text = format!("{line}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {}\r\n", value.to_str()?);
    }
    Ok((text + "\r\n").into_bytes())
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("there should have been {what}").into()) }
}
