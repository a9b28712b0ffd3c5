use std::sync::{Arc, OnceLock};

use crate::UserId;

/// Who a request turned out to be from, for whoever logs it: a request extension, empty until somebody has
/// checked a token.
#[derive(Clone, Debug, Default)]
pub struct SignedIn(Arc<OnceLock<UserId>>);

impl SignedIn {
    /// A live token of `user` was shown.
    pub fn is(&self, user: UserId) {
        let _first_word_counts = self.0.set(user);
    }

    /// Who it is, if anybody.
    pub fn user(&self) -> Option<UserId> {
        self.0.get().copied()
    }
}
