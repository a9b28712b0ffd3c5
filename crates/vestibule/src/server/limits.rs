use std::time::Duration;

/// How long a client may take (RL-02). The defaults bear with a phone at 2 KB a second.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the TLS handshake, and for the PROXY header before it.
    pub handshake: Duration,
    /// For a head, from its first byte.
    pub head: Duration,
    /// Without a request, from the last answer.
    pub idle: Duration,
    /// For [`Limits::LEAST`] bytes of a body that is being waited for.
    pub body: Duration,
    /// For taking something, whatever, of what it is sent.
    pub write: Duration,
}

impl Limits {
    /// Least that comes of a body in [`Limits::body`], in bytes.
    pub const LEAST: usize = 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
        }
    }
}
