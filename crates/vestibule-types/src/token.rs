use std::fmt;
use std::marker::PhantomData;

use crate::wiped::Wiped;
use serde::{Deserialize, Serialize};

/// Marks a [`Token`] that opens the API for minutes; `token_type` is `access`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Access;

/// Marks a [`Token`] that fetches the next access token for days; `token_type` is `refresh`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refresh;

/// The two kinds of token; neither passes for the other (JW-06; RFC 8725, 3.11).
pub trait TokenKind {
    /// The claim `token_type`.
    const NAME: &'static str;
}

impl TokenKind for Access {
    const NAME: &'static str = "access";
}

impl TokenKind for Refresh {
    const NAME: &'static str = "refresh";
}

/// A bearer token's text. It never shows itself, and is wiped when dropped.
#[derive(Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct Token<K>(Wiped<String>, PhantomData<fn() -> K>);

impl<K> Token<K> {
    /// The text, to send it where it belongs.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<K> Clone for Token<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K> PartialEq for Token<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Token<K> {}

impl<K> From<String> for Token<K> {
    fn from(text: String) -> Self {
        Self(Wiped::new(text), PhantomData)
    }
}

impl<K> From<Token<K>> for String {
    fn from(token: Token<K>) -> Self {
        token.0.to_string()
    }
}

impl<K: TokenKind> fmt::Debug for Token<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token<{}>(…)", K::NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Token};

    #[test]
    fn se_05_a_token_never_shows_itself() {
        let token = Token::<Access>::from("aaa.bbb.ccc".to_owned());
        assert_eq!(format!("{token:?}"), "Token<access>(…)");
    }
}
