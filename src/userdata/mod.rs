//! Workshop → files → cloud-config text. Pure: the same inputs give the same bytes.
//!
//! The text is one `#cloud-config` part of plain ASCII: cloud-init writes the files in its network stage, and a target
//! pulls in the units among them. Golden images start that target at once (`imagegen-start.service`); the `runcmd` does
//! it on any other image, and enables it for later boots.

mod files;
pub mod paths;
mod text;

use std::net::Ipv4Addr;

use crate::failure::Result;
use crate::workshop::{Secrets, Workshop};

/// The largest text that the box of Horizon before 2025.2 takes, in bytes (its `MAX_SCRIPT_SIZE` is 16384, and the form
/// refuses a text that reaches it).
pub const HORIZON_LIMIT: usize = 16_383;

/// The hub's user-data.
pub fn hub(workshop: &Workshop, secrets: &Secrets) -> Result<String> {
    text::render(&format!("The hub of the workshop {}", workshop.name), files::hub(workshop, secrets)?)
}

/// The user-data that all nodes share; `hub` is the hub's address.
pub fn node(workshop: &Workshop, secrets: &Secrets, hub: Ipv4Addr) -> Result<String> {
    let title = format!("A node of the workshop {}, whose hub is {hub}", workshop.name);
    text::render(&title, files::node(workshop, secrets, hub)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workshop::User;

    fn secrets() -> Secrets {
        Secrets::parse("test", include_str!("../../tests/fixtures/workshop.secrets.yaml")).expect("sound")
    }

    fn small() -> Workshop {
        let user = |name: &str, id, full_name: Option<&str>| User {
            name: name.into(),
            uid: id,
            gid: id,
            full_name: full_name.map(str::to_owned),
        };
        let users =
            vec![user("training01", 2001, None), user("ada", 1815, Some("Ada \"Countess\" Lovelace"))];
        Workshop { users, ..Workshop::default() }
    }

    #[test]
    fn the_hubs_text() {
        insta::assert_snapshot!(hub(&small(), &secrets()).expect("text"));
    }

    #[test]
    fn the_nodes_text() {
        insta::assert_snapshot!(node(&small(), &secrets(), Ipv4Addr::new(10, 0, 0, 5)).expect("text"));
    }

    #[test]
    fn the_default_workshop_fits_the_oldest_horizon() {
        let workshop = Workshop::default();
        let texts = [
            hub(&workshop, &secrets()).expect("text"),
            node(&workshop, &secrets(), Ipv4Addr::new(10, 0, 0, 5)).expect("text"),
        ];
        for text in texts {
            assert!(text.len() <= HORIZON_LIMIT, "{} bytes", text.len());
            assert!(text.is_ascii());
        }
    }

    #[test]
    fn nodes_never_hold_the_hubs_key_or_the_passwords() {
        let (workshop, secrets) = (small(), secrets());
        let files = files::node(&workshop, &secrets, Ipv4Addr::new(10, 0, 0, 5)).expect("files");
        for file in files {
            assert!(!file.content.contains("PRIVATE KEY"), "{}", file.path);
            assert!(!file.content.contains(&secrets.password_seed), "{}", file.path);
        }
    }
}
