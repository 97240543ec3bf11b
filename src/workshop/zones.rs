//! Names of time zones.

/// The zones that Debian 13 has without `tzdata-legacy`, one a line; beside an older name, the one to write.
/// `.ci/zones` compares the list with the package.
const ZONES: &str = include_str!("../../userdata/zones.txt");

/// What is wrong with a name of a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZoneFault {
    /// It is an older name for this zone.
    Older(&'static str),
    /// It is nearly this name.
    Misspelt(&'static str),
    /// It is a distance from Greenwich, not a place.
    Distance,
    /// It is none at all.
    Unknown,
}

/// Why machines would not know a time zone; nothing where they do.
pub(super) fn fault(text: &str) -> Option<ZoneFault> {
    let bare = text.strip_prefix("posix/").or_else(|| text.strip_prefix("right/")).unwrap_or(text);
    match find(|name| name == text || name == bare) {
        Some((name, target)) if name == target && bare == text => None,
        Some((_, target)) => Some(ZoneFault::Older(target)),
        None => Some(nearest(bare)),
    }
}

fn nearest(text: &str) -> ZoneFault {
    let wanted = plain(text);
    let same = find(|name| plain(name) == wanted).or_else(|| {
        find(|name| name.contains('/') && plain(name.rsplit('/').next().unwrap_or_default()) == wanted)
    });
    if let Some((_, target)) = same {
        return ZoneFault::Misspelt(target);
    }
    if ["utc+", "utc-", "gmt+", "gmt-", "+", "-"].iter().any(|start| wanted.starts_with(start)) {
        return ZoneFault::Distance;
    }
    let names: Vec<&str> = zones().map(|(name, _)| name).collect();
    // Two letters are a slip; more of them are another name.
    let near = crate::document::findings::nearest_within(text, &names, 2.min(text.len() / 4));
    let target = near.and_then(|near| find(|name| name == near));
    target.map_or(ZoneFault::Unknown, |(_, target)| ZoneFault::Misspelt(target))
}

/// Letters without their case, and an underscore where people write a space.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(' ', "_")
}

fn find(is: impl Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    zones().find(|(name, _)| is(name))
}

/// Each name with the one to write.
fn zones() -> impl Iterator<Item = (&'static str, &'static str)> {
    ZONES.lines().map(|line| line.split_once(' ').unwrap_or((line, line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_known_or_has_the_right_one_beside_it() {
        for (text, fault_of_it) in [
            ("Europe/Zurich", None),
            ("UTC", None),
            ("Etc/UTC", None),
            ("America/Argentina/Buenos_Aires", None),
            ("US/Pacific", Some(ZoneFault::Older("America/Los_Angeles"))),
            ("CET", Some(ZoneFault::Older("Europe/Brussels"))),
            ("Asia/Calcutta", Some(ZoneFault::Older("Asia/Kolkata"))),
            ("posix/Europe/Zurich", Some(ZoneFault::Older("Europe/Zurich"))),
            ("Europe/zurich", Some(ZoneFault::Misspelt("Europe/Zurich"))),
            ("EUROPE/ZURICH", Some(ZoneFault::Misspelt("Europe/Zurich"))),
            ("utc", Some(ZoneFault::Misspelt("UTC"))),
            ("us/pacific", Some(ZoneFault::Misspelt("America/Los_Angeles"))),
            ("Zurich", Some(ZoneFault::Misspelt("Europe/Zurich"))),
            ("New York", Some(ZoneFault::Misspelt("America/New_York"))),
            ("America/New York", Some(ZoneFault::Misspelt("America/New_York"))),
            ("Europe/Zürich", Some(ZoneFault::Misspelt("Europe/Zurich"))),
            ("Europe/Kyev", Some(ZoneFault::Misspelt("Europe/Kyiv"))),
            ("Mars/Olympus", Some(ZoneFault::Unknown)),
            ("Mars/Olympus Mons", Some(ZoneFault::Unknown)),
            ("UTC+2", Some(ZoneFault::Distance)),
            ("Factory", Some(ZoneFault::Unknown)),
            ("", Some(ZoneFault::Unknown)),
        ] {
            assert_eq!(fault(text), fault_of_it, "{text}");
        }
    }

    #[test]
    fn each_older_name_leads_to_one_that_machines_have() {
        for (name, target) in zones() {
            assert_eq!(fault(target), None, "{name}");
        }
    }
}
