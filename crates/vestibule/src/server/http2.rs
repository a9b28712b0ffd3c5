//! What HTTP/2 has otherwise than HTTP/1.1, made the same before anybody reads it.

use http::request::Parts;
use http::{HeaderValue, header};

use super::framing::{FIELDS, TARGET};
use super::refusal::Refusal;

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
