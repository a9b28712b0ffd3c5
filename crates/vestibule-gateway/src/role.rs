//! Who may use a route: by role or tier, as the API says at this moment (DF-05).

use serde::Deserialize;

use crate::gateway::{Gateway, NoAnswer};
use crate::route::Route;
use crate::upstream::Outage;
use crate::visitor::Visitor;

/// What an API may say of a user's rights: `tier_id` as ours and the FastAPI backend do, `role` or `roles` as others,
/// and `is_superuser`, which is the role `superuser`.
#[derive(Debug, Default, Deserialize)]
struct Rights {
    tier_id: Option<i64>,
    role: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    is_superuser: bool,
}

impl Rights {
    fn suffice(&self, route: &Route) -> bool {
        let has = |role: &String| {
            self.role.as_ref() == Some(role)
                || self.roles.contains(role)
                || self.is_superuser && role == "superuser"
        };
        let in_tier = self.tier_id.is_some_and(|tier| route.tiers.contains(&tier));
        (route.roles.is_empty() || route.roles.iter().any(has))
            && (route.tiers.is_empty() || in_tier)
    }
}

/// Whether the visitor has one of the roles, and is in one of the tiers, that `route` names. The API is asked each
/// time: what it took back a moment ago is gone.
///
/// # Errors
/// [`NoAnswer`]: what stands in the way of knowing.
pub(crate) async fn has_role(
    gateway: &Gateway,
    visitor: &Visitor,
    route: &Route,
) -> Result<bool, NoAnswer> {
    // Of an API that does not tell, nobody has a right.
    let Some(answer) = gateway.who(visitor).await? else { return Ok(false) };
    let rights = serde_json::from_value::<Rights>(answer.body).map_err(|_| Outage::Failing)?;
    Ok(rights.suffice(route))
}
