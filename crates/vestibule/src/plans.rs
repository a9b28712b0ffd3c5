//! From settings to what goes where, at the start and again at SIGHUP.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use vestibule_gateway::{
    Gateway, InvalidRoute, InvalidUpstream, Plan, PlanSettings, Upstream, UpstreamSpec,
};

use crate::config_file::{ConfigError, ConfigFile};
use crate::settings::SiteArgs;

/// Makes plans of the same flags and whatever the file says at the time. Upstreams that have not changed, nor their
/// certificates, are the same ones, with their connections and what is known of their health.
pub struct Plans {
    args: SiteArgs,
    api: Upstream,
    /// Whether the API is the one in this process.
    is_ours: bool,
    made: Mutex<BTreeMap<String, (Source, Upstream)>>,
}

/// What an upstream is made of: settings, and when its files were last written.
#[derive(Eq, PartialEq)]
struct Source(UpstreamSpec, Vec<Option<SystemTime>>);

impl From<UpstreamSpec> for Source {
    fn from(spec: UpstreamSpec) -> Self {
        let files = [&spec.ca, &spec.client_cert, &spec.client_key].into_iter().flatten();
        let written = files.map(|file| fs::metadata(file).and_then(|file| file.modified()).ok());
        let written = written.collect();
        Self(spec, written)
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A route.
    #[error(transparent)]
    Route(#[from] InvalidRoute),
    /// An upstream.
    #[error("upstream {name} {cause}")]
    Upstream {
        /// Its name or address.
        name: String,
        /// What is wrong with it.
        cause: InvalidUpstream,
    },
    /// The table `[api]` beside our own API.
    #[error(
        "--config has a table [api], which is for somebody else's API: run vestibule gateway --api URL, or take the table out"
    )]
    NotForeign,
    /// A route leads to a UI that is not there.
    #[error("route {0} leads to ui, but there is no --ui")]
    NoUi(String),
    /// These two names have a meaning already.
    #[error("an upstream can't be called {0}: that is the one of --{0}")]
    Reserved(String),
}

impl Plans {
    /// Plans of these settings, with this API, whoever's it is.
    pub fn new(args: SiteArgs, api: Upstream) -> Self {
        Self { args, api, is_ours: false, made: Mutex::default() }
    }

    /// The same with the API in this process, which needs no `[api]`.
    pub fn with_ours(args: SiteArgs, api: Upstream) -> Self {
        Self { is_ours: true, ..Self::new(args, api) }
    }

    /// The plan as the file is now.
    ///
    /// # Errors
    /// [`PlanError`], in words for whoever wrote the settings.
    pub fn read(&self) -> Result<Plan, PlanError> {
        let config = self.args.config.as_deref().map(ConfigFile::read).transpose()?;
        let ConfigFile { api: dialect, upstreams, routes } = config.unwrap_or_default();
        if dialect.is_some() && self.is_ours {
            return Err(PlanError::NotForeign);
        }
        if let Some(reserved) = ["api", "ui"].into_iter().find(|name| upstreams.contains_key(*name))
        {
            return Err(PlanError::Reserved(reserved.to_owned()));
        }
        let mut before = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut made = BTreeMap::new();
        let mut upstream = |name: &str, spec: UpstreamSpec| {
            let source = Source::from(spec);
            let kept = before.get(name).filter(|(known, _)| *known == source);
            let upstream = match made.get(name).or(kept) {
                Some((_, upstream)) => upstream.clone(),
                None => Upstream::new(name, &source.0)
                    .map_err(|cause| PlanError::Upstream { name: name.to_owned(), cause })?,
            };
            made.insert(name.to_owned(), (source, upstream.clone()));
            Ok::<_, PlanError>(upstream)
        };
        let ui = self.args.ui.as_ref().map(|url| upstream("ui", UpstreamSpec::at(url.as_str())));
        let ui = ui.transpose()?;
        for (name, spec) in &upstreams {
            upstream(name, spec.clone())?;
        }
        let args = &self.args.routes;
        let mut resolved = Vec::new();
        for route in args.route.iter().cloned().chain(routes) {
            let to = match route.to.as_str() {
                "api" => self.api.clone(),
                "ui" => ui.clone().ok_or_else(|| PlanError::NoUi(route.path.clone()))?,
                name => match upstreams.get(name) {
                    Some(spec) => upstream(name, spec.clone())?,
                    None => upstream(name, UpstreamSpec::at(name))?,
                },
            };
            resolved.push((route, to));
        }
        let plan = Plan::new(PlanSettings {
            api: self.api.clone(),
            dialect: dialect.unwrap_or_default(),
            ui,
            ui_session: self.args.ui_session,
            routes: resolved,
            protect: args.protect.clone(),
            private: args.private,
            public: args.public.clone(),
            body_limit: args.body_limit,
        })?;
        *before = made;
        Ok(plan)
    }

    /// Has `gateway` go by the file as it is now. What can't be used changes nothing.
    pub fn read_again(&self, gateway: &Gateway) {
        match self.read() {
            Ok(plan) => {
                gateway.replace_plan(plan);
                tracing::info!("the routes were read again");
            }
            Err(error) => tracing::error!(%error, "the routes stay as they were"),
        }
    }
}
