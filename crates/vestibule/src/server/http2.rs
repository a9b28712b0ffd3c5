//! HTTP/2: its limits, and what it has otherwise than HTTP/1.1, made the same before anybody reads it.

use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, header};
use hyper_util::server::conn::auto::Http2Builder;

use super::framing::{FIELDS, HEAD, TARGET};
use super::refusal::Refusal;

/// Streams at once on one connection.
const STREAMS: u32 = 100;

/// Streams that a client may take back before anybody has looked at them, and those that we had to reset; beyond that
/// the connection ends (RUSTSEC-2024-0003, CVE-2023-44487).
const TAKEN_BACK: usize = 20;
const RESET: usize = 128;

/// What may lie here unread, of one body and of all on a connection, in bytes; and unsent of one answer.
const WINDOW: u32 = 512 * 1024;
const WINDOWS: u32 = 1024 * 1024;
const UNSENT: usize = 128 * 1024;

/// How often a silent client is asked whether it is there, and how long it has to answer.
const ASK: Duration = Duration::from_secs(30);
const REPLY: Duration = Duration::from_secs(20);

/// The library's own limits, said aloud (RL-04). It has more that can't be set: continuation frames are counted, data frames
/// pay for what they carry little in, and no ping or settings frame is read before the last one was answered.
pub(super) fn limit<E>(builder: &mut Http2Builder<'_, E>) {
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(RESET)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOWS)
        .max_send_buf_size(UNSENT)
        .keep_alive_interval(ASK)
        .keep_alive_timeout(REPLY);
}

/// Gives the head one `Host` and one `Cookie` line, and holds it to the limits that [`super::framing`] keeps for HTTP/1.1.
pub(super) fn as_http1(head: &mut Parts) -> Result<(), Refusal> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET {
        return Err(Refusal::LongTarget);
    }
    join_cookies(head);
    if head.headers.len() > FIELDS {
        return Err(Refusal::LargeHead);
    }
    host(head)
}

/// One `Host`, from `:authority`, which it must not contradict (RFC 9113, 8.3.1).
fn host(head: &mut Parts) -> Result<(), Refusal> {
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let is_right = match (authority, hosts.next(), hosts.next()) {
        (Some(authority), None, None) => !authority.contains('@'),
        (Some(authority), Some(host), None) => authority.as_bytes() == host.as_bytes(),
        (None, Some(_), None) => true,
        _ => false,
    };
    if !is_right {
        return Err(Refusal::Malformed);
    }
    if let Some(authority) = authority {
        let host = HeaderValue::from_str(authority).map_err(|_| Refusal::Malformed)?;
        head.headers.insert(header::HOST, host);
    }
    Ok(())
}

/// Clients may send each cookie in a field of its own, which stand for one line (RFC 9113, 8.2.3).
fn join_cookies(head: &mut Parts) {
    let crumbs: Vec<&[u8]> =
        head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(line) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        head.headers.insert(header::COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{Refusal, as_http1};

    fn read(uri: &str, fields: &[(&str, &str)]) -> Result<(String, String), Refusal> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        as_http1(&mut head)?;
        let text = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        Ok((
            text("host"),
            if head.headers.contains_key("cookie") { text("cookie") } else { String::new() },
        ))
    }

    #[test]
    fn gw_15_the_authority_becomes_the_host_and_may_not_contradict_it() {
        let url = "https://a.test/x";
        assert_eq!(read(url, &[]).unwrap().0, "a.test");
        assert_eq!(read(url, &[("host", "a.test")]).unwrap().0, "a.test");
        assert_eq!(read("/x", &[("host", "a.test")]).unwrap().0, "a.test");
        for (uri, fields) in [
            (url, &[("host", "b.test")][..]),
            (url, &[("host", "a.test"), ("host", "a.test")]),
            ("/x", &[]),
            ("https://user@a.test/x", &[]),
        ] {
            assert_eq!(read(uri, fields), Err(Refusal::Malformed), "{uri} {fields:?}");
        }
    }

    #[test]
    fn cookies_in_fields_of_their_own_are_one_line_and_one_field() {
        let crumbs = vec![("cookie", "a=b"); 100];
        assert_eq!(read("https://a.test/", &crumbs).unwrap().1, vec!["a=b"; 100].join("; "));
    }

    #[test]
    fn rl_01_the_limits_of_a_head_hold_here_too() {
        let names: Vec<String> = (0..65).map(|number| format!("x-{number}")).collect();
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(read("https://a.test/", &fields), Err(Refusal::LargeHead));
        let url = format!("https://a.test/{}", "a".repeat(8192));
        assert_eq!(read(&url, &[]), Err(Refusal::LongTarget));
        assert!(read(&url[..url.len() - 1], &[]).is_ok());
    }
}
