use std::net::IpAddr;

/// The address that a request came from, as the nearest part that can know it says: the socket, or the
/// gateway that calls the API in-process. A request extension, so no header can forge it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientAddress(pub IpAddr);
