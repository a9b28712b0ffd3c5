use clap::Args;

/// Which path goes where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Routes")]
pub struct RouteArgs {}
