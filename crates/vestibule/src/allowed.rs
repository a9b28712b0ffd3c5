//! What may run where: http, short lives and guessing without limit are for this machine only.

use tokio::net::TcpListener;
use vestibule_api::ApiSettings;
use vestibule_gateway::Site;

use crate::run::RunError;
use crate::settings::{ApiArgs, SiteArgs, Switch};

/// Shortest life of a token off loopback, in seconds (JW-11): rotation needs a life far above network delay.
const LEAST_LIFE: i64 = 300;

/// The setting, or localhost with the port that is listened on; https where TLS is spoken.
pub(crate) fn public_site(args: &SiteArgs, socket: &TcpListener) -> Result<Site, RunError> {
    if let Some(site) = &args.site_url {
        return Ok(site.clone());
    }
    let port = socket.local_addr()?.port();
    let scheme = if args.edge.tls_cert.is_some() { "https" } else { "http" };
    let site = format!("{scheme}://localhost:{port}").parse();
    site.map_err(|error| RunError::Setting(format!("--site-url {error}")))
}

/// Off loopback only https will do: cookies and passwords would cross the network in the clear (DF-01).
pub(crate) fn check_site(
    args: &SiteArgs,
    site: &Site,
    socket: &TcpListener,
    weak: &mut Vec<String>,
) -> Result<(), RunError> {
    if site.is_https() {
        return Ok(());
    }
    if args.edge.tls_cert.is_some() {
        let said = format!(
            "--site-url {} is http, but --tls-cert makes the site speak TLS. Say https://… or leave one of them out",
            site.origin()
        );
        return Err(RunError::Setting(said));
    }
    if !site.is_loopback() {
        let said = format!(
            "--site-url {} is http and not on loopback: passwords and sessions would cross the network in the clear. Put https in front and say so: --site-url https://…",
            site.origin()
        );
        return Err(RunError::Setting(said));
    }
    if !is_loopback(socket)? {
        let said = format!(
            "--site-listen {} is open to other machines, but the site {} is http. Put https in front and say so: --site-url https://…, or give --tls-cert and --tls-key",
            socket.local_addr()?,
            site.origin()
        );
        return Err(RunError::Setting(said));
    }
    weak.push("the site is http, which is for this machine only".to_owned());
    Ok(())
}

/// Whether other machines reach the site: by its public address, or because it speaks TLS to them itself.
pub(crate) fn is_exposed(
    site: &Site,
    args: &SiteArgs,
    socket: &TcpListener,
) -> Result<bool, std::io::Error> {
    let speaks_tls = args.edge.tls_cert.is_some();
    Ok(!site.is_loopback() || speaks_tls && !is_loopback(socket)?)
}

/// What weakens the API is for loopback only, and said aloud (JW-11, DF-01, DF-02).
pub(crate) fn check_api(
    args: &ApiArgs,
    is_exposed: bool,
    weak: &mut Vec<String>,
) -> Result<(), RunError> {
    check_lives(args)?;
    let mut weakenings = Vec::new();
    if args.access_ttl < LEAST_LIFE {
        weakenings.push((
            format!("--access-ttl {} is under five minutes", args.access_ttl),
            "--access-ttl 1800",
        ));
    }
    if args.refresh_ttl < LEAST_LIFE {
        weakenings.push((
            format!("--refresh-ttl {} is under five minutes", args.refresh_ttl),
            "--refresh-ttl 604800",
        ));
    }
    if let Some(life) = args.short_session_ttl.filter(|life| *life < LEAST_LIFE) {
        weakenings.push((
            format!("--short-session-ttl {life} is under five minutes"),
            "--short-session-ttl 43200",
        ));
    }
    if args.throttle == Switch::Off {
        weakenings.push((
            "--throttle off lets passwords be guessed without limit".to_owned(),
            "--throttle on",
        ));
    }
    match weakenings.first() {
        Some((what, mend)) if is_exposed => {
            Err(RunError::Setting(format!("{what}, which is allowed on loopback only. Use {mend}")))
        }
        _ => {
            weak.extend(weakenings.into_iter().map(|(what, _)| what));
            Ok(())
        }
    }
}

/// Lives that contradict one another.
fn check_lives(args: &ApiArgs) -> Result<(), RunError> {
    let (access, refresh, short) = (args.access_ttl, args.refresh_ttl, short_ttl(args));
    let said = if short > refresh {
        format!(
            "--short-session-ttl {short} is longer than --refresh-ttl {refresh}: who is not to be remembered would stay longer than who is. Use at most --short-session-ttl {refresh}"
        )
    } else if let Some(cap) = args.session_cap.filter(|cap| *cap < refresh) {
        format!(
            "--session-cap {cap} is shorter than --refresh-ttl {refresh}: a session would outlive its cap from the login on. Use at least --session-cap {refresh}, or a shorter --refresh-ttl"
        )
    } else if let Some(limit) = args.idle_limit.filter(|limit| *limit < access) {
        format!(
            "--idle-limit {limit} is shorter than --access-ttl {access}: people at work would be signed out between two refreshes. Use at least --idle-limit {access}, or a shorter --access-ttl"
        )
    } else {
        return Ok(());
    };
    Err(RunError::Setting(said))
}

/// The setting, or half a day, if a session lives as long at all.
pub(crate) fn short_ttl(args: &ApiArgs) -> i64 {
    args.short_session_ttl.unwrap_or(ApiSettings::default().short_ttl.min(args.refresh_ttl))
}

pub(crate) fn is_loopback(socket: &TcpListener) -> Result<bool, std::io::Error> {
    Ok(socket.local_addr()?.ip().is_loopback())
}
