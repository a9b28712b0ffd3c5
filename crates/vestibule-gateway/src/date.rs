//! Moments as JavaScript reads them: RFC 3339 in UTC with exactly three digits of a second. More digits are minutes
//! off in some clients (contract: Better Auth, 2).

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// `2026-11-22T13:05:00.000Z`, of Unix seconds.
pub(crate) fn of_seconds(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// What an API writes for a moment in UTC, with as many digits as it likes, in the one form. `None` if it is none, or
/// says no zone or another one: nobody guesses.
pub(crate) fn normal(text: &str) -> Option<String> {
    let (seconds, rest) = text.split_at_checked(19)?;
    let is_shaped = seconds.bytes().zip(*b"dddd-dd-ddTdd:dd:dd").all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        mark => byte == mark,
    });
    let within = |from: usize, least: u8, most: u8| {
        seconds[from..from + 2].parse().is_ok_and(|number: u8| (least..=most).contains(&number))
    };
    let is_a_moment = is_shaped
        && within(5, 1, 12)
        && within(8, 1, 31)
        && within(11, 0, 23)
        && within(14, 0, 59)
        && within(17, 0, 59);
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let fraction = rest[..rest.len() - zone.len()].strip_prefix('.').unwrap_or_default();
    let is_utc = matches!(zone, "Z" | "z" | "+00:00" | "-00:00");
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    (is_a_moment && is_utc && !fraction.contains('.'))
        .then(|| format!("{}T{}.{digits}Z", &seconds[..10], &seconds[11..]))
}

/// Year, month and day in the proleptic Gregorian calendar, of days since 1970-01-01. Eras of 400 years begin on 1
/// March, so that a leap day is the last of its year (Hinnant, `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + days.div_euclid(146_097) * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{normal, of_seconds};

    #[test]
    fn unix_seconds_are_moments_of_the_gregorian_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_800_000_000, "2027-01-15T08:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(of_seconds(seconds), text);
            assert_eq!(normal(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn whatever_an_api_writes_has_three_digits_and_a_z_or_is_none() {
        for (text, moment) in [
            ("2026-01-02T03:04:05.526123Z", Some("2026-01-02T03:04:05.526Z")),
            ("2026-01-02T03:04:05.5+00:00", Some("2026-01-02T03:04:05.500Z")),
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05.000Z")),
            ("2026-01-02 03:04:05.123456789z", Some("2026-01-02T03:04:05.123Z")),
            ("2026-01-02T03:04:05", None),
            ("2026-01-02T03:04:05.526123", None),
            ("2026-01-02T03:04:05+02:00", None),
            ("2026-13-02T03:04:05Z", None),
            ("2026-01-02T24:04:05Z", None),
            ("2026-01-02T03:04:05.1.2Z", None),
            ("2026-01-02T03:04:0\u{e9}Z", None),
            ("20260102T030405Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(normal(text).as_deref(), moment, "{text}");
        }
    }
}
