use clap::Args;

/// Proxies in front of the site.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Proxies in front")]
pub struct HopArgs {}
