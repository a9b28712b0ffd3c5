use std::path::PathBuf;

use clap::Args;

/// Settings of `vestibule next-key`: where the site's own secret is.
#[derive(Args, Clone, Debug)]
pub struct NextKeyArgs {
    /// File with the secret that seals the session cookie
    #[arg(long, value_name = "FILE", env = "AUTH_SECRET_FILE")]
    pub auth_secret_file: Option<PathBuf>,

    /// Folder where the site keeps the secret that it made on its first start
    #[arg(long, value_name = "DIR", env = "VESTIBULE_DATA", default_value = "vestibule-data")]
    pub data: PathBuf,
}
