use std::fmt;

use serde::{Serialize, Serializer};

/// A moment, in Unix seconds. On the wire it is RFC 3339 in UTC with three digits of a second and a `Z`:
/// `2026-11-22T22:30:00.000Z`. Other forms are read wrongly by Better Auth's client (contract: Better Auth, section 2).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub i64);

const DAY: i64 = 24 * 60 * 60;

impl Timestamp {
    /// Year, month (1 to 12) and day (1 to 31) in UTC, in the proleptic Gregorian calendar.
    ///
    /// Counts in eras of 400 years that begin on 1 March, so that a leap day is the last of its year (Hinnant,
    /// `civil_from_days`).
    pub fn date(self) -> (i64, i64, i64) {
        let days = self.0.div_euclid(DAY) + 719_468;
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
        (year, month, day)
    }

    /// Hour, minute and second in UTC.
    pub fn time(self) -> (i64, i64, i64) {
        let seconds = self.0.rem_euclid(DAY);
        (seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time());
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, Timestamp};

    #[test]
    fn a_moment_is_written_in_utc_with_three_digits_of_a_second() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (1_795_386_600, "2026-11-22T22:30:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (-2_203_891_201, "1900-02-28T23:59:59.000Z"),
            (-62_167_219_200, "0000-01-01T00:00:00.000Z"),
        ] {
            let json = serde_json::to_string(&Timestamp(seconds)).unwrap();
            assert_eq!(json, format!("\"{written}\""));
        }
    }

    #[test]
    fn days_follow_one_another_for_eight_hundred_years() {
        let first = -12_622_780_800;
        let mut before = Timestamp(first).date();
        for day in 1..292_194 {
            let date = Timestamp(first + day * DAY).date();
            let next_day = date == (before.0, before.1, before.2 + 1);
            let next_month = date.2 == 1 && before.2 >= 28;
            assert!(next_day || next_month, "{before:?} then {date:?}");
            before = date;
        }
    }

    #[test]
    fn no_number_is_too_big() {
        assert!(Timestamp(i64::MAX).to_string().ends_with("15:30:07.000Z"));
        assert!(Timestamp(i64::MIN).to_string().ends_with(".000Z"));
    }
}
