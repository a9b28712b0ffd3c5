//! Moments as people read them.

use std::fmt;

use vestibule_types::Timestamp;

/// A moment in Unix seconds. [`Moment::machine`] goes into `<time datetime>`, its `Display` between
/// the tags; the script replaces the latter by the visitor's local time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment(pub i64);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Moment {
    /// RFC 3339 in UTC, to the second: `2026-11-22T13:05:00Z`.
    pub fn machine(self) -> String {
        Timestamp(self.0).to_string().replace(".000Z", "Z")
    }
}

/// `22 Nov 2026, 13:05 UTC`.
impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, _)) =
            (Timestamp(self.0).date(), Timestamp(self.0).time());
        let month = (month - 1).try_into().map_or("", |month: usize| MONTHS[month]);
        write!(out, "{day} {month} {year}, {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn unix_seconds_are_dates_that_people_read() {
        for (seconds, people) in [
            (0, "1 Jan 1970, 00:00 UTC"),
            (-1, "31 Dec 1969, 23:59 UTC"),
            (951_782_400, "29 Feb 2000, 00:00 UTC"),
            (1_795_352_700, "22 Nov 2026, 13:05 UTC"),
            (-62_167_219_200, "1 Jan 0, 00:00 UTC"),
        ] {
            assert_eq!(Moment(seconds).to_string(), people);
        }
        assert_eq!(Moment(1_795_352_700).machine(), "2026-11-22T13:05:00Z");
    }
}
