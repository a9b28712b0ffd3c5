use vestibule_types::{UserId, Username};

use super::row::Columns;
use super::{Store, read, transact};
use crate::counts;
use crate::tokens::LegacyToken;

impl Store {
    /// The account that a token of the FastAPI backend is of, by the name that it had at the import and never by one
    /// of today (LG-03). At first sight the token becomes a session, so that what ends sessions ends it too; whether
    /// it is dead is asked as of any other. `began` is when its owner signed in, at the earliest.
    pub(crate) async fn adopt(
        &self,
        token: &LegacyToken,
        began: i64,
        now: i64,
    ) -> sqlx::Result<Option<UserId>> {
        const SEEN: &str = "SELECT user_id FROM sessions WHERE sid = $1";
        // A write that changes nothing: whoever takes the name's tokens out of use waits for it, or it finds none.
        const OWNER: &str = "
            UPDATE imported_names SET until = until
            WHERE username = $1 AND until > $2 AND issued_from <= $3 AND issued_to >= $3
            RETURNING user_id";
        const BEGIN: &str = "
            INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at,
                created, last_used, expires_at, agent, address)
            VALUES ($1, $2, 0, $1, '', $3, '', 0, $4, $3, $5, '', '')
            ON CONFLICT (sid) DO NOTHING";
        let seen = read!(self, pool => {
            sqlx::query(SEEN).bind(&token.sid).try_map(user_id).fetch_optional(pool)
        })?;
        if seen.is_some() {
            return Ok(seen.map(UserId::new));
        }
        // What can't be a name is nobody's; PostgreSQL would refuse some of it.
        let Ok(username) = Username::try_from(token.username.clone()) else { return Ok(None) };
        let owner = transact!(self, tx => {
            let owner = sqlx::query(OWNER).bind(username.as_str()).bind(now).bind(token.issued_at);
            let Some(owner) = owner.try_map(user_id).fetch_optional(&mut *tx).await? else {
                return Ok(None);
            };
            let begun = sqlx::query(BEGIN)
                .bind(&token.sid)
                .bind(owner)
                .bind(now)
                .bind(began)
                .bind(token.expires_at)
                .execute(&mut *tx)
                .await?;
            Ok(Some((owner, begun.rows_affected())))
        })?;
        if matches!(owner, Some((_, 1))) {
            counts::begun();
        }
        Ok(owner.map(|(owner, _)| UserId::new(owner)))
    }
}

fn user_id<R: Columns>(row: R) -> sqlx::Result<i64> {
    row.int("user_id")
}
