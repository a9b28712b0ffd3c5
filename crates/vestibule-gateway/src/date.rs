//! Moments that APIs write, brought into the form of [`vestibule_types::Timestamp`].

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

#[cfg(test)]
mod tests {
    use super::normal;

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
