//! Requests that show a ticket instead of a session cookie, or a token that was handed down: server code of a UI calls the
//! API for its visitor.

use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::TICKET;
use super::handover::{bearer, is_for_server_code, session_of};
use crate::arrival::peer;
use crate::gateway::Gateway;
use crate::plan::{Plan, Way};
use crate::problem::Problem;
use crate::route::{Route, TokenPolicy};
use crate::same_origin;
use crate::visitor::Visitor;

/// The visitor by what a call to an API shows instead of a session cookie; `None` if it shows nothing of the kind,
/// has a session cookie, or goes where no token is attached.
///
/// # Errors
/// [`Problem::CROSS_SITE`] if a page of another site made it, [`Problem::SIGNED_OUT`] if what it shows is not
/// authentic, is over, or is of a session that has ended.
pub(crate) fn guest(
    gateway: &Gateway,
    plan: &Plan,
    way: &Way,
    head: &Parts,
    has_cookie: bool,
    now: i64,
) -> Result<Option<Visitor>, Problem> {
    let route = match way {
        Way::Theirs(route) if !has_cookie && route.token == TokenPolicy::Attach => route,
        _ => return Ok(None),
    };
    let Some(text) = ticket_in(&head.headers) else {
        return by_bearer(gateway, plan, route, head, now);
    };
    same_origin::check_guest(&head.headers, &gateway.0.site).map_err(|_| Problem::CROSS_SITE)?;
    let ticket = text.and_then(|text| gateway.0.toward_ui.tickets.open(text, now));
    let ticket = ticket.filter(|ticket| !gateway.is_ended(&ticket.session));
    let ticket = ticket.ok_or(Problem::SIGNED_OUT)?;
    let address = ticket.address.unwrap_or_else(|| peer(head));
    Ok(Some(Visitor::guest(ticket.session, address, &head.headers, now)))
}

/// The ticket that is shown, if any is; nothing in it if it is shown twice.
fn ticket_in(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut values = headers.get_all(TICKET).iter().map(HeaderValue::to_str);
    let first = values.next()?.ok();
    Some(first.filter(|_| values.next().is_none()))
}

/// Server code that was handed a token down, or has signed in by itself, shows that.
fn by_bearer(
    gateway: &Gateway,
    plan: &Plan,
    route: &Route,
    head: &Parts,
    now: i64,
) -> Result<Option<Visitor>, Problem> {
    let target = route.target(&head.uri);
    let may_be = route.is_identity
        && is_for_server_code(plan, &head.headers)
        && !plan.dialect.is_entrance(target.path());
    let Some(token) = bearer(&head.headers).filter(|_| may_be) else { return Ok(None) };
    let session = session_of(gateway, token, now)?;
    Ok(Some(Visitor::guest(session, peer(head), &head.headers, now)))
}
