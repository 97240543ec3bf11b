//! A day in a file: `2026-11-28`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use time::Date;

/// Writes a day.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
pub(super) fn serialize<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Reads a day.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).ok_or_else(|| D::Error::custom("not a day"))
}

/// Certificates write years in four digits, and those before 1950 or after 2049 in another way.
fn read(text: &str) -> Option<Date> {
    let mut parts = text.trim().splitn(3, '-');
    let year = parts.next()?.parse().ok().filter(|year| (2000..9000).contains(year))?;
    let month: u8 = parts.next()?.parse().ok()?;
    Date::from_calendar_date(year, month.try_into().ok()?, parts.next()?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(read("2028-02-29").map(|day| day.to_string()).as_deref(), Some("2028-02-29"));
        for text in ["", "2026", "2026-11", "2027-02-29", "2026-13-01", "1-1-1", "28.11.2026", "99999-01-01"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
