//! The socket on which proxies ask whether a request may pass.

use vestibule_gateway::Gateway;

use super::RunError;
use super::serving::Part;
use crate::allowed::is_loopback;
use crate::observe::{Ids, observed};
use crate::server::{Places, listen};
use crate::settings::HopArgs;

/// Most connections of proxies.
const PROXIES: usize = 4096;

/// Its socket and routes, if there is to be one. It has to be known who may ask; and what is answered holds access
/// tokens, which is said aloud where other machines are answered in the clear (DF-02).
pub(super) async fn forward_auth_part(
    args: &HopArgs,
    gateway: &Gateway,
    weak: &mut Vec<String>,
) -> Result<Option<Part>, RunError> {
    let Some(address) = args.forward_auth_listen else { return Ok(None) };
    if args.trusted_hop.is_empty() {
        let said = "--forward-auth-listen would answer nobody: say which proxy may ask, with --trusted-hop";
        return Err(RunError::Setting(said.to_owned()));
    }
    let socket = listen(address, "--forward-auth-listen").await?;
    if !is_loopback(&socket)? {
        weak.push(format!(
            "answers on {} hold access tokens and are not encrypted: let nobody but the proxy reach it",
            socket.local_addr()?
        ));
    }
    let app = observed(gateway.forward_auth(), "forward-auth", Ids::Own);
    Ok(Some(Part::new(socket, app, Places::unshared(PROXIES))))
}

/// Where it is, for whoever started this.
pub(super) fn forward_auth_address(
    part: Option<&Part>,
) -> Result<Option<(&'static str, String)>, RunError> {
    let Some(Part { socket, .. }) = part else { return Ok(None) };
    Ok(Some(("Forward-auth", format!("http://{}", socket.local_addr()?))))
}
