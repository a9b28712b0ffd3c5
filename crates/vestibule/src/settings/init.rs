use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand, ValueEnum};

/// What `vestibule init` sets up.
#[derive(Clone, Debug, Subcommand)]
pub enum Init {
    /// Write what a Next.js app needs into it: at most three files. Shows every change first; what is there already stays as it is.
    ///
    /// With the gateway in front, the root layout gets <SessionSync/>, which notices a sign-out in another tab. With Next.js in front,
    /// next.config and proxy.ts too. Install the package first: npm install @vestibule/next
    Next(InitNext),
}

/// Settings of `vestibule init next`.
#[derive(Args, Clone, Debug)]
pub struct InitNext {
    /// The folder with the app's package.json
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,

    /// What browsers connect to: gateway, which passes pages on to Next.js, or next, where nothing can sit in front of it
    #[arg(long, value_name = "WHO", env = "VESTIBULE_FRONT", default_value = "gateway")]
    pub front: Front,

    /// Don't ask; needed where there is no terminal to ask on
    #[arg(long, env = "VESTIBULE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
}

/// What browsers connect to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Front {
    /// Vestibule, with Next.js behind.
    Gateway,
    /// Next.js, which asks Vestibule.
    Next,
}
