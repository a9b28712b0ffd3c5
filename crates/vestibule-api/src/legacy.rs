//! Every token that is shown comes through here: ours, or one that the FastAPI backend made before its accounts
//! were imported. That one goes on until it expires, as a session of its own.

use vestibule_types::{Access, Refresh};

use crate::Api;
use crate::tokens::{AccessClaims, RefreshClaims};

impl Api {
    /// The claims of a live access token.
    pub(crate) async fn verify_access(
        &self,
        token: &str,
        now: i64,
    ) -> sqlx::Result<Option<AccessClaims>> {
        let (issuer, settings) = (&self.0.issuer, &self.0.settings);
        if let Some(claims) = issuer.verify_access(token, now) {
            return Ok(Some(claims));
        }
        let Some(legacy) = issuer.verify_legacy::<Access>(token, settings.access_ttl, now) else {
            return Ok(None);
        };
        // A refresh token of seven days ago may have fetched it.
        let began = legacy.issued_at - settings.refresh_ttl;
        let user = Box::pin(self.0.store.adopt(&legacy, began, now)).await?;
        Ok(user.map(|user| legacy.into_access(user)))
    }

    /// The claims of a live refresh token.
    pub(crate) async fn verify_refresh(
        &self,
        token: &str,
        now: i64,
    ) -> sqlx::Result<Option<RefreshClaims>> {
        let (issuer, life) = (&self.0.issuer, self.0.settings.refresh_ttl);
        if let Some(claims) = issuer.verify_refresh(token, now) {
            return Ok(Some(claims));
        }
        let Some(legacy) = issuer.verify_legacy::<Refresh>(token, life, now) else {
            return Ok(None);
        };
        let user = Box::pin(self.0.store.adopt(&legacy, legacy.issued_at, now)).await?;
        Ok(user.map(|user| legacy.into_refresh(user)))
    }
}
