use clap::Args;
use url::Url;
use vestibule_gateway::CanonicalPath;

/// Settings of `vestibule doctor`.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// Address of the site as browsers see it
    #[arg(value_name = "URL", default_value = "http://localhost:3000")]
    pub site: Url,

    /// A page that needs a session, or a pattern such as /billing/**, of which the first page is asked for; may be repeated
    #[arg(
        long,
        value_name = "PATH",
        env = "VESTIBULE_PROTECT",
        value_delimiter = ',',
        default_value = "/dashboard",
        value_parser = path
    )]
    pub protect: Vec<String>,
}

fn path(text: &str) -> Result<String, &'static str> {
    let first = text.strip_suffix("/**").map_or(text, |all| if all.is_empty() { "/" } else { all });
    match CanonicalPath::parse(first) {
        Ok(path) => Ok(path.as_str().to_owned()),
        Err(_) => Err("has to be a path such as /dashboard"),
    }
}
