//! What a username and a password have to be before the API is asked.

use http::StatusCode;
use vestibule_types::{Password, Username};

use super::refusal::Refusal;

/// Fewest characters of a username, as in Better Auth; the API would take two.
const LEAST: usize = 3;
/// Most, as in the API.
const MOST: usize = 20;
/// Most characters of a password that is chosen, as in Better Auth; the API would take twice as many, and whoever
/// chose those elsewhere signs in with them.
const LONGEST_CHOSEN: usize = 128;

/// A username as it is stored: in lower case, of what the API allows.
///
/// # Errors
/// [`Refusal`], with 400.
pub(super) fn username(typed: &str) -> Result<String, Refusal> {
    let name = typed.to_lowercase();
    match name.chars().count() {
        count if count < LEAST => Err(Refusal::USERNAME_TOO_SHORT),
        count if count > MOST => Err(Refusal::USERNAME_TOO_LONG),
        _ => Username::try_from(name).map(String::from).map_err(|_| Refusal::INVALID_USERNAME),
    }
}

/// The same where the refusal is 422: at a sign-in, and when it is asked whether one is taken.
///
/// # Errors
/// [`Refusal`], with 422.
pub(super) fn username_or_422(typed: &str) -> Result<String, Refusal> {
    username(typed).map_err(|refusal| refusal.with_status(StatusCode::UNPROCESSABLE_ENTITY))
}

/// A username for somebody who chose none: the letters and digits in front of the `@`, in lower case; with a number
/// behind it if `salt` is given, or if there are too few.
pub(super) fn derived_from(email: &str, salt: Option<u32>) -> String {
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    let legal = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut name: String = local.chars().filter(legal).take(MOST).collect();
    if let Some(salt) = salt {
        name.truncate(MOST - 6);
        name.push_str(&format!("{:06}", salt % 1_000_000));
    }
    name
}

/// Whether a derived name needs a salt from the start.
pub(super) fn is_too_short(name: &str) -> bool {
    name.len() < LEAST
}

/// A password that is being chosen.
///
/// # Errors
/// [`Refusal`] for one that is too short or too long.
pub(super) fn chosen(password: &str) -> Result<(), Refusal> {
    match password.chars().count() {
        count if count < Password::LEAST => Err(Refusal::PASSWORD_TOO_SHORT),
        count if count > LONGEST_CHOSEN => Err(Refusal::PASSWORD_TOO_LONG),
        _ => Ok(()),
    }
}

/// A password that is shown: no account has one that is longer than the API allows.
///
/// # Errors
/// [`Refusal`] for one that is too long.
pub(super) fn shown(password: &str) -> Result<(), Refusal> {
    let is_possible = password.chars().count() <= Password::MOST;
    is_possible.then_some(()).ok_or(Refusal::PASSWORD_TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_3_to_20_letters_and_digits_in_lower_case() {
        let twenty = "abcdefghijklmnopqrst";
        for (typed, read) in [
            ("ada", Ok("ada")),
            ("AdaL7", Ok("adal7")),
            (twenty, Ok(twenty)),
            ("", Err(Refusal::USERNAME_TOO_SHORT)),
            ("ab", Err(Refusal::USERNAME_TOO_SHORT)),
            ("abcdefghijklmnopqrstu", Err(Refusal::USERNAME_TOO_LONG)),
            ("a_b", Err(Refusal::INVALID_USERNAME)),
            ("a.b", Err(Refusal::INVALID_USERNAME)),
            ("ad\u{e9}", Err(Refusal::INVALID_USERNAME)),
            ("a\0b", Err(Refusal::INVALID_USERNAME)),
        ] {
            assert_eq!(username(typed), read.map(str::to_owned), "{typed:?}");
        }
    }

    #[test]
    fn a_derived_name_is_one_that_the_api_takes() {
        for (email, salt, name) in [
            ("ada@b.cd", None, "ada"),
            ("Ada.Lovelace+x_1@b.cd", None, "adalovelacex1"),
            ("ada@b.cd", Some(1_000_042), "ada000042"),
            ("_@b.cd", Some(7), "000007"),
            ("abcdefghijklmnopqrstuvwxyz@b.cd", None, "abcdefghijklmnopqrst"),
            ("abcdefghijklmnopqrstuvwxyz@b.cd", Some(5), "abcdefghijklmn000005"),
        ] {
            let derived = derived_from(email, salt);
            assert_eq!(derived, name);
            assert_eq!(username(&derived), Ok(derived));
        }
        assert!(is_too_short(&derived_from("a-@b.cd", None)));
    }

    #[test]
    fn pw_02_a_chosen_password_has_8_to_128_characters() {
        for (length, read) in [
            (0, Err(Refusal::PASSWORD_TOO_SHORT)),
            (7, Err(Refusal::PASSWORD_TOO_SHORT)),
            (8, Ok(())),
            (128, Ok(())),
            (129, Err(Refusal::PASSWORD_TOO_LONG)),
        ] {
            assert_eq!(chosen(&"\u{e9}".repeat(length)), read, "{length}");
        }
        assert_eq!(shown(&"x".repeat(256)), Ok(()));
        assert_eq!(shown(&"x".repeat(257)), Err(Refusal::PASSWORD_TOO_LONG));
    }
}
