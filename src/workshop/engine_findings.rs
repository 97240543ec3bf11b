//! The wording of what can be wrong with the choice of an engine, and what goes with it alone.

use std::sync::Arc;

use crate::document::{Finding, Node, Source};

/// The classic engine, which has to be said something about.
#[must_use]
pub fn classic_is_old(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::warning(
        "the classic engine has had no release since 2018, and speaks to Docker without encryption or passwords",
        "choose `engine: swarm` unless you must; classic was tried with Docker 26.1.5, and for Docker 29 imagegen allows \
         old clients (DOCKER_MIN_API_VERSION=1.24); the docker command of 29 needs DOCKER_API_VERSION=1.44 to talk to \
         the manager",
    )
    .at(source, node.span.clone(), "old")
}

/// A reservation, which the classic engine makes of the limit.
#[must_use]
pub fn reserve_without_effect(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::warning(
        "`reserve` has no effect with the classic engine, which reserves all of `memory` for each server",
        "remove it, and give each server as much `memory` as the machines have for each student",
    )
    .at(source, node.span.clone(), "no effect")
}

/// Images for an engine that is not used.
#[must_use]
pub fn classic_without_its_engine(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::warning("these images are not used", "write `engine: classic`, or remove the section").at(
        source,
        node.span.clone(),
        "for the classic engine",
    )
}

/// Encrypted homes with an engine that has nobody who gives certificates out.
#[must_use]
pub fn tls_without_rendezvous(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "the classic engine cannot encrypt homes: it has no rendezvous that gives nodes their certificates",
        "write `engine: swarm`, or remove `tls`",
    )
    .at(source, node.span.clone(), "not with `engine: classic`")
}

/// Encrypted homes on images that do not have the programs for it.
#[must_use]
pub fn tls_on_stock_images() -> Finding {
    Finding::error(
        "stock images cannot encrypt homes, which `homes.tls` asks for",
        "build golden images and leave out `--stock`, or remove `tls` and use a network that belongs to the workshop only",
    )
}
