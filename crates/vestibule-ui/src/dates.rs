//! Unix seconds as people and machines read them. The one home for dates on pages.

use std::fmt;

/// A moment in Unix seconds. [`Moment::machine`] goes into `<time datetime>`, its `Display` between
/// the tags; the script replaces the latter by the visitor's local time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment(pub i64);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 24 * 60 * 60;

impl Moment {
    /// RFC 3339 in UTC: `2026-11-22T13:05:00Z`.
    pub fn machine(self) -> String {
        let (year, month, day) = self.date();
        let (hour, minute, second) = self.time();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    fn time(self) -> (i64, i64, i64) {
        let seconds = self.0.rem_euclid(DAY);
        (seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// Year, month (1 to 12) and day in the proleptic Gregorian calendar. Counts in eras of 400 years
    /// that begin on 1 March, so that a leap day is the last of its year (Hinnant, `civil_from_days`).
    fn date(self) -> (i64, usize, i64) {
        let days = self.0.div_euclid(DAY) + 719_468;
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
        (year, usize::try_from(month).unwrap_or(1), day)
    }
}

/// `22 Nov 2026, 13:05 UTC`.
impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let (hour, minute, _) = self.time();
        write!(out, "{day} {} {year}, {hour:02}:{minute:02} UTC", MONTHS[month - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn unix_seconds_are_dates_of_the_gregorian_calendar() {
        for (seconds, machine, people) in [
            (0, "1970-01-01T00:00:00Z", "1 Jan 1970, 00:00 UTC"),
            (-1, "1969-12-31T23:59:59Z", "31 Dec 1969, 23:59 UTC"),
            (951_782_400, "2000-02-29T00:00:00Z", "29 Feb 2000, 00:00 UTC"),
            (1_709_251_199, "2024-02-29T23:59:59Z", "29 Feb 2024, 23:59 UTC"),
            (1_709_251_200, "2024-03-01T00:00:00Z", "1 Mar 2024, 00:00 UTC"),
            (1_735_689_599, "2024-12-31T23:59:59Z", "31 Dec 2024, 23:59 UTC"),
            (1_795_352_700, "2026-11-22T13:05:00Z", "22 Nov 2026, 13:05 UTC"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "1 Mar 2100, 00:00 UTC"),
            (-2_203_891_200, "1900-03-01T00:00:00Z", "1 Mar 1900, 00:00 UTC"),
            (-2_203_891_201, "1900-02-28T23:59:59Z", "28 Feb 1900, 23:59 UTC"),
            (-62_167_219_200, "0000-01-01T00:00:00Z", "1 Jan 0, 00:00 UTC"),
        ] {
            assert_eq!(Moment(seconds).machine(), machine);
            assert_eq!(Moment(seconds).to_string(), people);
        }
    }

    #[test]
    fn days_follow_one_another_for_eight_hundred_years() {
        let mut before = Moment(-12_622_780_800).date();
        for day in 1..292_194 {
            let date = Moment(-12_622_780_800 + day * super::DAY).date();
            let next_day = date.0 == before.0 && date.1 == before.1 && date.2 == before.2 + 1;
            let next_month = date.2 == 1 && before.2 >= 28;
            assert!(next_day || next_month, "{before:?} then {date:?}");
            before = date;
        }
    }

    #[test]
    fn no_number_is_too_big() {
        assert!(Moment(i64::MAX).machine().ends_with("15:30:07Z"));
        assert!(Moment(i64::MIN).to_string().ends_with("UTC"));
    }
}
