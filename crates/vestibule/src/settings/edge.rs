use clap::Args;

/// Sockets, TLS and limits of the site.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connections")]
pub struct EdgeArgs {}
