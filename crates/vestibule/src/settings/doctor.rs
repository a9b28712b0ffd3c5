use clap::Args;
use url::Url;
use vestibule_gateway::CanonicalPath;

/// Settings of `vestibule doctor`.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// Address of the site as browsers see it
    #[arg(value_name = "URL", default_value = "http://localhost:3000")]
    pub site: Url,

    /// A page that needs a session; may be repeated
    #[arg(long, value_name = "PATH", default_value = "/dashboard", value_parser = path)]
    pub protect: Vec<String>,
}

fn path(text: &str) -> Result<String, &'static str> {
    match CanonicalPath::parse(text) {
        Ok(path) => Ok(path.as_str().to_owned()),
        Err(_) => Err("has to be a path such as /dashboard, without a pattern"),
    }
}
