//! The wording of what keeps a rehearsal from starting.

use std::path::Path;

use crate::document::Finding;

/// Without nodes, nobody carries notebooks.
#[must_use]
pub fn nobody_carries_notebooks() -> Finding {
    Finding::error(
        "a rehearsal without nodes needs a hub that carries notebooks itself",
        "say `hub: {notebooks: true}` in the workshop file and leave `engine` at `swarm`, or rehearse with `--nodes 1`",
    )
}

/// More students than the workshop has users.
#[must_use]
pub fn fewer_users(users: u32) -> Finding {
    Finding::error(
        format!("the workshop has {users} users, and `--students` asks for more"),
        "ask for fewer, or rehearse a workshop file with more by `--workshop`",
    )
}

/// The engine is Docker's own, and has neither.
#[must_use]
pub fn no_engine_to_carry() -> Finding {
    Finding::error(
        "`--real-engine` is about the Swarm and the Consul of `engine: classic`, which the workshop does not have",
        "leave it out, or name a workshop file with `engine: classic` by `--workshop`",
    )
}

/// There is no image to boot.
#[must_use]
pub fn no_image(path: &Path) -> Finding {
    Finding::error(
        format!("there is no image `{}`", path.display()),
        "build it with `imagegen build all`, or correct its path",
    )
}

/// The service that is to be slow is not asked.
#[must_use]
pub fn nobody_asks_the_service() -> Finding {
    Finding::error(
        "`--metadata-delay` and `--metadata-failures` change nothing for machines with a config drive",
        "add `--datasource metadata`, or leave them out",
    )
}
