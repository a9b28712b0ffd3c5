use clap::Args;
use clap::builder::BoolishValueParser;
use vestibule_gateway::{PathPattern, RouteSpec, Size};

/// Which path goes where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Routes")]
pub struct RouteArgs {
    /// What goes elsewhere than to --api and --ui: '/api/payments/** = http://10.0.0.7:9000', with settings of a file's route behind it: 'strip=/api/payments guard=true'; may be repeated, in the variable with ; in between
    #[arg(long, value_name = "ROUTE", env = "VESTIBULE_ROUTE", value_delimiter = ';')]
    pub route: Vec<RouteSpec>,

    /// A path that needs a session, besides /dashboard/**: '/account', '/teams/*/settings', '/billing/**'; may be repeated
    #[arg(long, value_name = "PATTERN", env = "VESTIBULE_PROTECT", value_delimiter = ',')]
    pub protect: Vec<PathPattern>,

    /// Everything needs a session but what --public names, and the ways in
    #[arg(long, env = "VESTIBULE_PRIVATE", value_parser = BoolishValueParser::new())]
    pub private: bool,

    /// A path that needs no session in a private site; may be repeated
    #[arg(long, value_name = "PATTERN", env = "VESTIBULE_PUBLIC", value_delimiter = ',')]
    pub public: Vec<PathPattern>,

    /// Largest body of a request where a route does not say; larger ones get 413
    #[arg(long, value_name = "SIZE", env = "VESTIBULE_BODY_LIMIT", default_value = "1GiB")]
    pub body_limit: Size,
}
